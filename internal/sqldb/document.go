package sqldb

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Pack returns the document of a record: the number of its format, a space and
// JSON. Times keep their nanoseconds.
func Pack(format int, record any) (string, error) {
	doc, err := json.Marshal(record)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(format) + " " + string(doc), nil
}

// Unpack reads a document of one format into record.
func Unpack(doc string, format int, record any) error {
	number, body, _ := strings.Cut(doc, " ")
	if number != strconv.Itoa(format) {
		return fmt.Errorf("record has format %.10q, want %d", number, format)
	}
	return json.Unmarshal([]byte(body), record)
}
