package opredis

import "github.com/redis/go-redis/v9"

// A session is a hash s:<id> with its version, what it is found by, and the
// record. h:<handle> names its ID; u:<subject> and i:<identity provider> are
// sets of IDs, scored by when the session ends. All of them expire by
// themselves.
//
// Scripts with a first line like these are refused by a replica, those that
// only read too: what a replica says of a session may be out of date. Reading,
// and making room, works where the memory is used up.
const (
	writing = "#!lua"
	roomy   = "#!lua flags=allow-oom"
)

// common is the beginning of every script. KEYS[1] is the realm: the scripts
// make the other names of it, which a server that is no cluster allows.
const common = `
local realm = KEYS[1]
local function now()
	local t = redis.call('TIME')
	return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function list(kind, name, id, ends)
	local key = realm .. kind .. name
	redis.call('ZREMRANGEBYSCORE', key, '-inf', now())
	redis.call('ZADD', key, ends, id)
	local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
	redis.call('PEXPIREAT', key, string.format('%.0f', last[2]))
end
local function unlist(id, handle, subject, idp)
	if redis.call('GET', realm .. 'h:' .. handle) == id then
		redis.call('DEL', realm .. 'h:' .. handle)
	end
	redis.call('ZREM', realm .. 'u:' .. subject, id)
	redis.call('ZREM', realm .. 'i:' .. idp, id)
end
local function write(id, version, handle, subject, idp, ends, doc)
	redis.call('HSET', realm .. 's:' .. id, 'v', version, 'h', handle, 'u', subject, 'i', idp, 'd', doc)
	redis.call('PEXPIREAT', realm .. 's:' .. id, ends)
	redis.call('SET', realm .. 'h:' .. handle, id)
	redis.call('PEXPIREAT', realm .. 'h:' .. handle, ends)
	list('u:', subject, id, ends)
	if idp ~= '' then list('i:', idp, id, ends) end
end
local function matching(id, subject, idp, version)
	local ids
	if id ~= '' then
		ids = {id}
	elseif subject ~= '' then
		ids = redis.call('ZRANGE', realm .. 'u:' .. subject, 0, -1)
	else
		ids = redis.call('ZRANGE', realm .. 'i:' .. idp, 0, -1)
	end
	local out = {}
	for _, each in ipairs(ids) do
		local s = redis.call('HMGET', realm .. 's:' .. each, 'v', 'h', 'u', 'i')
		if s[1] and (subject == '' or s[3] == subject) and (idp == '' or s[4] == idp)
			and (version == '0' or s[1] == version) then
			table.insert(out, each)
		end
	end
	return out
end
`

var (
	// ARGV: id, handle, subject, idp, ends, doc
	createScript = redis.NewScript(writing + common + `
if redis.call('EXISTS', realm .. 's:' .. ARGV[1], realm .. 'h:' .. ARGV[2]) > 0 then return 0 end
write(ARGV[1], 1, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return 1`)

	// ARGV: handle
	findScript = redis.NewScript(roomy + common + `
local id = redis.call('GET', realm .. 'h:' .. ARGV[1])
if not id then return false end
local s = redis.call('HMGET', realm .. 's:' .. id, 'v', 'd', 'h')
if not s[1] or s[3] ~= ARGV[1] then return false end
return {s[1], s[2]}`)

	// ARGV: id, handle, subject, idp, ends, doc, version
	updateScript = redis.NewScript(writing + common + `
local id = ARGV[1]
local s = redis.call('HMGET', realm .. 's:' .. id, 'v', 'h', 'u', 'i')
if not s[1] then return -1 end
if s[1] ~= ARGV[7] then return 0 end
local owner = redis.call('GET', realm .. 'h:' .. ARGV[2])
if owner and owner ~= id then return 0 end
unlist(id, s[2], s[3], s[4])
write(id, ARGV[7] + 1, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return 1`)

	// ARGV: id, subject, idp, version
	endScript = redis.NewScript(roomy + common + `
local out = {}
for _, id in ipairs(matching(ARGV[1], ARGV[2], ARGV[3], ARGV[4])) do
	local s = redis.call('HMGET', realm .. 's:' .. id, 'v', 'd', 'h', 'u', 'i')
	redis.call('DEL', realm .. 's:' .. id)
	unlist(id, s[3], s[4], s[5])
	table.insert(out, s[1])
	table.insert(out, s[2])
end
return out`)

	// ARGV: id, subject, idp, version, after, limit
	listScript = redis.NewScript(roomy + common + `
local ids, out = matching(ARGV[1], ARGV[2], ARGV[3], ARGV[4]), {}
table.sort(ids)
for _, id in ipairs(ids) do
	if #out >= 2 * tonumber(ARGV[6]) then break end
	if ARGV[5] == '' or id > ARGV[5] then
		local s = redis.call('HMGET', realm .. 's:' .. id, 'v', 'd')
		table.insert(out, s[1])
		table.insert(out, s[2])
	end
end
return out`)
)
