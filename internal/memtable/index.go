package memtable

// Node is an element's place in an Index. It is a field of the element, so
// that an index allocates nothing for it.
type Node[E any] struct {
	prev, next *Node[E]
	element    E
	listed     bool
}

// Index lists elements by a key that several of them share. It has no lock of
// its own; the zero value is empty.
type Index[K comparable, E any] struct{ heads shrinking[K, *Node[E]] }

// Add lists element under key. n must be the element's node for this index.
func (x *Index[K, E]) Add(key K, n *Node[E], element E) {
	head := x.heads.m[key]
	*n = Node[E]{next: head, element: element, listed: true}
	if head != nil {
		head.prev = n
	}
	x.heads.put(key, n)
}

// Remove takes n, which Add has put under key, out of the list.
func (x *Index[K, E]) Remove(key K, n *Node[E]) {
	if !n.listed {
		return
	}
	if n.next != nil {
		n.next.prev = n.prev
	}
	switch {
	case n.prev != nil:
		n.prev.next = n.next
	case n.next != nil:
		x.heads.put(key, n.next)
	default:
		x.heads.remove(key)
	}
	*n = Node[E]{}
}

// Each calls fn for every element under key. Only the element that fn was
// called with may be removed on the way.
func (x *Index[K, E]) Each(key K, fn func(E)) {
	for n := x.heads.m[key]; n != nil; {
		next := n.next
		fn(n.element)
		n = next
	}
}

// Lookup is a map for a key that only one element has. The zero value is
// empty.
type Lookup[K comparable, E any] struct{ elements shrinking[K, E] }

// Put sets the element of a key.
func (l *Lookup[K, E]) Put(key K, element E) { l.elements.put(key, element) }

// Get returns the element of a key.
func (l *Lookup[K, E]) Get(key K) (E, bool) {
	e, ok := l.elements.m[key]
	return e, ok
}

// Remove forgets a key.
func (l *Lookup[K, E]) Remove(key K) { l.elements.remove(key) }
