"""The scripts that Redis runs for profiles: each call is one step for everybody, whichever worker asks.

A *subject* is `customer:KEY` or `group:KEY`. Its `stamp` counts what was changed of its contributions: whoever writes
a profile names the stamp of those it was made of, and is refused where they are no longer these.
"""

from __future__ import annotations

__all__ = ["DUE", "HEARD", "NEVER", "READ", "RENEW", "SAID", "TAKE", "WRITE"]

#: A time at which nothing is due, ms: where it is looked at again only when something comes.
NEVER = 9_000_000_000_000_000

#: ARGV[1], of each script: first part of all names; ARGV[2], of those that say when a subject is due: how many parts
#: subjects are spread over, by the hash of their names.
_COMMON = """
local prefix, spread = ARGV[1], tonumber(ARGV[2])
local function state(subject) return prefix .. 'profile:' .. subject end
local function parts(customer) return prefix .. 'profile:alerts:' .. customer end
local function members(group) return prefix .. 'profile:members:' .. group end
local function past(subject) return prefix .. 'profile:past:' .. subject end
local function due(subject)
  return prefix .. 'profiles:due:' .. (tonumber(string.sub(redis.sha1hex(subject), 1, 7), 16) % spread)
end
local function grades(subject, grade)
  return prefix .. 'profiles:grade:' .. string.match(subject, '^%a+') .. ':' .. grade
end
local function keep(subject, grade, score, json, entry, most)
  local was = redis.call('HGET', state(subject), 'grade')
  if was then redis.call('ZREM', grades(subject, was), subject) end
  redis.call('ZADD', grades(subject, grade), score, subject)
  redis.call('HSET', state(subject), 'json', json, 'grade', grade, 'score', score)
  redis.call('LPUSH', past(subject), entry)
  redis.call('LTRIM', past(subject), 0, most - 1)
end
"""

#: Takes in what alerts contribute, each if its revision is higher than what is there. ARGV[3]: the latest time among
#: them; ARGV[4]: MessagePack of (customer or '', group or '', id, revision, `REVISION JSON` of the contribution). An
#: alert whose customer is another one now is taken from the one that it was of. Answers how many were taken in.
TAKE = f"""{_COMMON}
local function touch(subject)
  redis.call('HINCRBY', state(subject), 'stamp', 1)
  redis.call('ZADD', due(subject), 0, subject)
end
local function touch_all(customer)
  touch('customer:' .. customer)
  local group = redis.call('HGET', state('customer:' .. customer), 'group')
  if group then touch('group:' .. group) end
end
local function join(customer, group)
  local of = state('customer:' .. customer)
  local known = redis.call('HGET', of, 'group')
  if known == group then return end
  if known then
    redis.call('SREM', members(known), customer)
    touch('group:' .. known)
  end
  redis.call('HSET', of, 'group', group)
  redis.call('SADD', members(group), customer)
  touch_all(customer)
end
local function take(customer, group, id, revision, part)
  local alert = prefix .. 'alert:' .. id
  local was = redis.call('HGET', alert, 'of_customer') or customer
  local had = was ~= '' and redis.call('HGET', parts(was), id)
  if had and tonumber(string.match(had, '^%d+')) >= revision then return 0 end
  if was ~= customer and had then
    redis.call('HDEL', parts(was), id)
    touch_all(was)
  end
  if customer == '' then return 0 end
  if redis.call('EXISTS', alert) == 1 then redis.call('HSET', alert, 'of_customer', customer) end
  redis.call('HSET', parts(customer), id, part)
  touch_all(customer)
  return 1
end
local clock = prefix .. 'profiles:clock'
if tonumber(redis.call('GET', clock) or '-1') < tonumber(ARGV[3]) then redis.call('SET', clock, ARGV[3]) end
local taken = 0
for _, one in ipairs(cmsgpack.unpack(ARGV[4])) do
  taken = taken + take(one[1], one[2], one[3], one[4], one[5])
  if one[1] ~= '' and one[2] ~= '' then join(one[1], one[2]) end
end
return taken
"""

#: The subjects of part ARGV[3] that are due by now, at most ARGV[4], and the time that it is, ms.
DUE = f"""{_COMMON}
local now = redis.call('GET', prefix .. 'profiles:clock') or '0'
local set = prefix .. 'profiles:due:' .. ARGV[3]
return {{now, redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, tonumber(ARGV[4]))}}
"""

#: What there is of subject ARGV[3]: stamp, that of what the profile was made of, json, whether it is unsaid, next
#: change, policy, group; then what its alerts, or those of its members, contribute, a line each.
READ = f"""{_COMMON}
local subject = ARGV[3]
local kind, key = string.match(subject, '^(%a+):(.*)$')
local said = redis.call('HMGET', state(subject), 'stamp', 'made', 'json', 'unsaid', 'next', 'policy', 'group')
local found = {{}}
local of = kind == 'group' and redis.call('SMEMBERS', members(key)) or {{key}}
for _, customer in ipairs(of) do
  for _, part in ipairs(redis.call('HVALS', parts(customer))) do
    found[#found + 1] = string.match(part, '^%d+ (.*)$')
  end
end
return {{said, table.concat(found, '\\n')}}
"""

#: Writes what follows for subject ARGV[3] from the contributions of stamp ARGV[4]: the next change ARGV[5], the policy
#: ARGV[6], and where ARGV[7] is not '' the new profile: json ARGV[7], grade, score, entry of the history and how many
#: of those are kept (ARGV[8..11]). ARGV[12..]: contributions that are forgotten. Answers 1; 0 where the stamp is
#: another.
WRITE = f"""{_COMMON}
local subject, stamp, later = ARGV[3], ARGV[4], ARGV[5]
if (redis.call('HGET', state(subject), 'stamp') or '0') ~= stamp then return 0 end
if ARGV[7] ~= '' then
  keep(subject, ARGV[8], ARGV[9], ARGV[7], ARGV[10], tonumber(ARGV[11]))
  redis.call('HSET', state(subject), 'unsaid', 1)
end
redis.call('HSET', state(subject), 'made', stamp, 'next', later, 'policy', ARGV[6])
local unsaid = redis.call('HEXISTS', state(subject), 'unsaid') == 1
redis.call('ZADD', due(subject), unsaid and 0 or later, subject)
local key = string.match(subject, '^%a+:(.*)$')
for i = 12, #ARGV do redis.call('HDEL', parts(key), ARGV[i]) end
return 1
"""

#: The profile of subject ARGV[3] whose json is ARGV[4] is published. Where it still is that one, it is due at its next
#: change, unless contributions of another stamp than ARGV[5] wait.
SAID = f"""{_COMMON}
local subject = ARGV[3]
local now = redis.call('HMGET', state(subject), 'json', 'stamp', 'next')
if now[1] ~= ARGV[4] then return 0 end
redis.call('HDEL', state(subject), 'unsaid')
if (now[2] or '0') == ARGV[5] then redis.call('ZADD', due(subject), now[3], subject) end
return 1
"""

#: Has all subjects of part ARGV[3] looked at again where policy ARGV[4] is not the one they were last looked at by.
RENEW = f"""{_COMMON}
local set, by = prefix .. 'profiles:due:' .. ARGV[3], prefix .. 'profiles:policy:' .. ARGV[3]
if redis.call('GET', by) == ARGV[4] then return 0 end
redis.call('ZUNIONSTORE', set, 1, set, 'WEIGHTS', 0)
redis.call('SET', by, ARGV[4])
return redis.call('ZCARD', set)
"""

#: Takes in a published record of subject ARGV[3], where it is newer than what is there: revision ARGV[4], json, grade,
#: score, entry of the history, how many of those are kept (ARGV[5..9]), and the group or ''.
HEARD = f"""{_COMMON}
local subject, revision = ARGV[3], tonumber(ARGV[4])
local had = redis.call('HGET', state(subject), 'json')
if had and cjson.decode(had)['revision'] >= revision then return 0 end
keep(subject, ARGV[6], ARGV[7], ARGV[5], ARGV[8], tonumber(ARGV[9]))
redis.call('ZADD', due(subject), 'NX', 0, subject)
if ARGV[10] ~= '' then
  local customer = string.match(subject, '^customer:(.*)$')
  redis.call('HSET', state(subject), 'group', ARGV[10])
  redis.call('SADD', members(ARGV[10]), customer)
end
return 1
"""
