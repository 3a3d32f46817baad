"""The Lua scripts: what has to be one atomic step in the server.

A record is a hash: v (value), n (version, its write id), x (expiry in milliseconds, empty for none).

An object is spread over keys of one hash tag, its *shard*: a head (hash: n version, s size, t time, m metadata,
c CRC32C, k chunk prefix, p number of chunks), its chunks (strings ``<chunk prefix><number>``), a table of where each
chunk begins where there are several (sorted set), and the shard's index (sorted set of all its keys, by bytes). An
unfinished upload is a hash (key, m, t, and one field for each part) and a member of the shard's set of uploads.

One script changes head and index: in two steps, a crash between them would leave a present key unlisted for ever.
Only keys of the shard are touched, which all live in one slot, so the scripts run on a cluster as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from typing import Final

__all__ = [
    "ABORT",
    "BEGIN",
    "DELETE_OBJECT",
    "DELETE_RECORD",
    "FINISH",
    "LIST",
    "PART",
    "PUT",
    "READ_OBJECT",
    "TOUCH",
    "UPLOADS",
    "WRITE_RECORD",
    "Script",
]


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name under which a server knows it once it has run it."""

    text: str
    sha: str


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


WRITE_RECORD: Final = _script("""
-- record | expect (A absent, M match) version new value expires native
local version = redis.call('HGET', KEYS[1], 'n')
if (ARGV[1] == 'A' and version) or (ARGV[1] == 'M' and version ~= ARGV[2]) then
  return redis.call('HMGET', KEYS[1], 'n', 'v', 'x')
end
redis.call('HSET', KEYS[1], 'n', ARGV[3], 'v', ARGV[4], 'x', ARGV[5])
if ARGV[6] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIREAT', KEYS[1], ARGV[6]) end
return 1
""")

TOUCH: Final = _script("""
-- record | seen version, seen expiry, new expiry, native
local cur = redis.call('HMGET', KEYS[1], 'n', 'v', 'x')
if cur[1] ~= ARGV[1] or cur[3] ~= ARGV[2] then return cur end
redis.call('HSET', KEYS[1], 'x', ARGV[3])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return 1
""")

DELETE_RECORD: Final = _script("""
-- record | expect (* any, M version, E version and expiry) version expiry
local cur = redis.call('HMGET', KEYS[1], 'n', 'v', 'x')
if not cur[1] then return 0 end
if ARGV[1] ~= '*' and cur[1] ~= ARGV[2] then return cur end
if ARGV[1] == 'E' and cur[3] ~= ARGV[3] then return cur end
redis.call('DEL', KEYS[1])
return 1
""")

_OBJECTS: Final = """
local function head(key) return redis.call('HMGET', key, 'n', 's', 't', 'm', 'c', 'k', 'p') end
local function refused(cur, expect, version)
  if expect == 'A' then return cur[1] end
  return expect == 'M' and cur[1] ~= version
end
local function drop(cur, table)
  if not cur[6] then return end
  for i = 1, tonumber(cur[7]) do redis.call('UNLINK', cur[6] .. i) end
  redis.call('DEL', table .. cur[1])
end
"""

PUT: Final = _script(
    _OBJECTS
    + """
-- head index table chunks | expect version new key size time meta crc data
local cur = head(KEYS[1])
if refused(cur, ARGV[1], ARGV[2]) then return cur end
if cur[1] ~= ARGV[3] then drop(cur, KEYS[3]) end
redis.call('SET', KEYS[4] .. '1', ARGV[9])
redis.call('HSET', KEYS[1], 'n', ARGV[3], 's', ARGV[5], 't', ARGV[6], 'm', ARGV[7], 'c', ARGV[8], 'k', KEYS[4], 'p', 1)
redis.call('ZADD', KEYS[2], 0, ARGV[4])
return 1
"""
)

FINISH: Final = _script(
    _OBJECTS
    + """
-- head index table chunks upload uploads | expect version new key size time meta crc, then number and size of each part
local sent = redis.call('HMGET', KEYS[5], 'key')
if not sent[1] then return redis.error_reply('NOUPLOAD there is no such upload') end
for i = 9, #ARGV, 2 do
  if redis.call('STRLEN', KEYS[4] .. ARGV[i]) ~= tonumber(ARGV[i + 1]) then
    return redis.error_reply('NOUPLOAD a part is missing')
  end
end
local cur = head(KEYS[1])
if refused(cur, ARGV[1], ARGV[2]) then return cur end
drop(cur, KEYS[3])
local at, number = 0, 0
for i = 9, #ARGV, 2 do
  number = number + 1
  redis.call('PERSIST', KEYS[4] .. ARGV[i])
  if tonumber(ARGV[i]) ~= number then redis.call('RENAME', KEYS[4] .. ARGV[i], KEYS[4] .. number) end
  redis.call('ZADD', KEYS[3] .. ARGV[3], at, number)
  at = at + tonumber(ARGV[i + 1])
end
redis.call('HSET', KEYS[1], 'n', ARGV[3], 's', ARGV[5], 't', ARGV[6], 'm', ARGV[7], 'c', ARGV[8],
  'k', KEYS[4], 'p', number)
redis.call('ZADD', KEYS[2], 0, ARGV[4])
redis.call('DEL', KEYS[5])
redis.call('SREM', KEYS[6], KEYS[5])
return 1
"""
)

READ_OBJECT: Final = _script(
    _OBJECTS
    + """
-- head table | expect version start length
local cur = head(KEYS[1])
if not cur[1] then return 0 end
if refused(cur, ARGV[1], ARGV[2]) then return cur end
local from, left = tonumber(ARGV[3]), tonumber(ARGV[4])
local number, at = 1, 0
if tonumber(cur[7]) > 1 then
  local found = redis.call('ZREVRANGEBYSCORE', KEYS[2] .. cur[1], from, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  number, at = tonumber(found[1]), tonumber(found[2])
end
local pieces = {}
from = from - at
while left > 0 and number <= tonumber(cur[7]) do
  local piece = redis.call('GETRANGE', cur[6] .. number, from, from + left - 1)
  pieces[#pieces + 1] = piece
  left, from, number = left - #piece, 0, number + 1
end
return {cur, pieces}
"""
)

DELETE_OBJECT: Final = _script(
    _OBJECTS
    + """
-- head index table | expect version key
local cur = head(KEYS[1])
if not cur[1] then return 0 end
if refused(cur, ARGV[1], ARGV[2]) then return cur end
drop(cur, KEYS[3])
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[3])
return 1
"""
)

BEGIN: Final = _script("""
-- upload uploads | key time meta life
redis.call('HSET', KEYS[1], 'key', ARGV[1], 't', ARGV[2], 'm', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('SADD', KEYS[2], KEYS[1])
return 1
""")

PART: Final = _script("""
-- chunk upload | number life data
if redis.call('EXISTS', KEYS[2]) == 0 then return redis.error_reply('NOUPLOAD there is no such upload') end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
redis.call('HSET', KEYS[2], 'p' .. ARGV[1], #ARGV[3])
return 1
""")

ABORT: Final = _script("""
-- upload uploads chunks
local fields = redis.call('HKEYS', KEYS[1])
for _, field in ipairs(fields) do
  local number = string.match(field, '^p(%d+)$')
  if number then redis.call('UNLINK', KEYS[3] .. number) end
end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], KEYS[1])
return 1
""")

LIST: Final = _script("""
-- index | heads prefix delimiter min limit
-- Answers {key, version, size, time, CRC32C} for an object and {prefix} for what the delimiter folds, in byte order.
local lines, min, prefix = {}, ARGV[4], ARGV[2]
local max, batch = '+', tonumber(ARGV[5])
while #lines < tonumber(ARGV[5]) do
  local keys = redis.call('ZRANGEBYLEX', KEYS[1], min, max, 'LIMIT', 0, batch)
  if #keys == 0 then return lines end
  for _, key in ipairs(keys) do
    if string.sub(key, 1, #prefix) ~= prefix then return lines end
    local at = ARGV[3] ~= '' and string.find(key, ARGV[3], #prefix + 1, true)
    if at then
      local folded = string.sub(key, 1, at)
      lines[#lines + 1] = {folded}
      min = '(' .. folded .. '\\255'
      break
    end
    local cur = redis.call('HMGET', ARGV[1] .. key, 'n', 's', 't', 'c')
    lines[#lines + 1] = {key, cur[1], cur[2], cur[3], cur[4]}
    min = '(' .. key
    if #lines >= tonumber(ARGV[5]) then return lines end
  end
end
return lines
""")

UPLOADS: Final = _script("""
-- uploads
-- Answers {name, key, time, metadata} for each upload of the shard; forgets those whose hash has expired.
local lines = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local sent = redis.call('HMGET', name, 'key', 't', 'm')
  if sent[1] then lines[#lines + 1] = {name, sent[1], sent[2], sent[3]}
  else redis.call('SREM', KEYS[1], name) end
end
return lines
""")
