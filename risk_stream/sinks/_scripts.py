"""The scripts that Redis runs to store and remove alerts: each call is one step for everybody who reads.

An alert that is limited (`at_most`) is *shown*, or *repeats* one that is shown: where of its rule and key as many are
shown as may be, all at least as severe as itself, and its time and theirs lie within less than the limit's length.
What is shown stays so until it is withdrawn. What repeats is decided anew each time that it is said, and where one that
is shown near it is withdrawn or becomes less severe.
"""

from __future__ import annotations

__all__ = ["PUT", "REMOVE", "SEVERITIES", "STAND", "TRIM"]

SEVERITIES = ("info", "low", "medium", "high", "critical")

#: ARGV[1] of each script: first part of all names. A limit is the text `ALERTS MS RULE:KIND:KEY`, or nothing. Those
#: shown under a limit are in sorted sets by time: one for each severity, of all that are at least as severe.
_COMMON = f"""
local prefix = ARGV[1]
local lists = prefix .. 'alerts:'
local RANKS = {{{", ".join(f"{severity} = {rank}" for rank, severity in enumerate(SEVERITIES))}}}
local function rank(severity) return RANKS[severity] or 0 end
local function hash_of(id) return prefix .. 'alert:' .. id end

local function look(id)
  local had = redis.call('HMGET', hash_of(id),
    'revision', 'status', 'state', 'severity', 'time', 'limit', 'suppressed_by', 'json')
  return {{id = id, revision = had[1], status = had[2], state = had[3], severity = had[4] or '', time = had[5],
    limit = had[6] or '', by = had[7], json = had[8]}}
end

local function parts(limit)
  local most, within, name = string.match(limit, '^(%d+) (%d+) (.*)$')
  return tonumber(most), tonumber(within), name
end
local function shown_set(level, name) return lists .. 'shown:' .. level .. ':' .. name end

local function count_repeats(id)
  if redis.call('EXISTS', hash_of(id)) == 1 then
    redis.call('HSET', hash_of(id), 'repeats', redis.call('ZCARD', lists .. 'repeats:' .. id))
  end
end

local function unlist(had)
  local id, severity = had.id, had.severity
  redis.call('ZREM', lists .. 'status:' .. (had.status or ''), id)
  redis.call('ZREM', lists .. 'severity:' .. severity, id)
  redis.call('ZREM', lists .. 'withdrawn:' .. severity, id)
  if had.by then
    redis.call('ZREM', lists .. 'suppressed:' .. severity, id)
    redis.call('ZREM', lists .. 'repeats:' .. had.by, id)
    redis.call('HDEL', hash_of(id), 'suppressed_by')
    count_repeats(had.by)
  elseif had.limit ~= '' then
    local _, _, name = parts(had.limit)
    for level = 0, rank(severity) do redis.call('ZREM', shown_set(level, name), id) end
  end
end
"""

#: Makes each revision given its alert's content if it is higher than what is there, at once for all its keys.
#: ARGV: first part of all names, mend, most entries of the stream, and the alerts as MessagePack: of each id, revision,
#: state, severity, event time, json, limit, then field and value of what is shown, in turn, all text. With mend = 1 the
#: same revision is written again too, without a word to followers.
#: Answers for each: 0 nothing new, 1 a new alert, 2 new content, 3 withdrawn; 4 more where it now repeats another one.
PUT = f"""{_COMMON}
local mend, entries = ARGV[2], ARGV[3]

local function text(ms) return string.format('%.0f', ms) end

local function tell(id, revision, state, json)
  redis.call('XADD', lists .. 'stream', 'MAXLEN', '~', entries, '*',
    'id', id, 'revision', revision, 'state', state, 'json', json)
end

-- Times in a sorted set, `count` of them from a place on, numbered as they lie there from 1 on.
local function times_of(command, set, from, to, place, count)
  local times = {{}}
  if count > 0 then
    local found = redis.call(command, set, from, to, 'WITHSCORES', 'LIMIT', place - 1, count)
    for i = 2, #found, 2 do times[place + i / 2 - 1] = tonumber(found[i]) end
  end
  return times
end

-- The shown alert that one with this id repeats, if any: which it `was`, or the last that is not later, or the first.
-- No place is left where some of those before it (the last ones) and some behind it (the first) are together as many as
-- may be, and lie with it within less than the length.
local function repeated(id, limit, severity, time, was)
  local most, within, name = parts(limit)
  if redis.call('ZSCORE', shown_set(0, name), id) then  -- it was shown, and somebody deleted its hash
    for level = 0, {len(SEVERITIES) - 1} do redis.call('ZREM', shown_set(level, name), id) end
  end
  local shown = shown_set(rank(severity), name)
  local from, now = '(' .. text(time - within), text(time)
  local behind_now, to = '(' .. now, '(' .. text(time + within)
  local before = redis.call('ZCOUNT', shown, from, now)
  local behind = redis.call('ZCOUNT', shown, behind_now, to)
  if before + behind < most then return nil end
  local named = was and redis.call('ZSCORE', shown, was) and was
    or redis.call('ZREVRANGEBYSCORE', shown, now, from, 'LIMIT', 0, 1)[1]
    or redis.call('ZRANGEBYSCORE', shown, behind_now, to, 'LIMIT', 0, 1)[1]
  if behind == 0 then return named end
  local least, greatest = math.max(0, most - behind), math.min(most, before)
  local place = math.max(1, least)
  local earlier = times_of('ZREVRANGEBYSCORE', shown, now, from, place, greatest - place + 1)
  local later = times_of('ZRANGEBYSCORE', shown, behind_now, to, 1, most - least)
  earlier[0], later[0] = time, time
  for n = least, greatest do
    if later[most - n] - earlier[n] < within then return named end
  end
end

local function list(id, status, state, severity, time, limit, by)
  if state == 'withdrawn' then
    redis.call('ZADD', lists .. 'withdrawn:' .. severity, time, id)
  elseif by then
    redis.call('HSET', hash_of(id), 'suppressed_by', by)
    redis.call('ZADD', lists .. 'suppressed:' .. severity, time, id)
    redis.call('ZADD', lists .. 'repeats:' .. by, time, id)
    count_repeats(by)
  else
    redis.call('ZADD', lists .. 'status:' .. status, time, id)
    redis.call('ZADD', lists .. 'severity:' .. severity, time, id)
    if limit ~= '' then
      local _, _, name = parts(limit)
      for level = 0, rank(severity) do redis.call('ZADD', shown_set(level, name), time, id) end
    end
  end
end

-- Decides anew of what repeats another one, where that has left its place: how many then repeat which is counted after.
local function decide_again(id, counted)
  local had = look(id)
  if not had.json or not had.by then return end
  local by = repeated(id, had.limit, had.severity, tonumber(had.time), had.by)
  if by == had.by then return end
  counted[had.by] = true
  if by then
    counted[by] = true
    redis.call('ZREM', lists .. 'repeats:' .. had.by, id)
    redis.call('ZADD', lists .. 'repeats:' .. by, had.time, id)
    redis.call('HSET', hash_of(id), 'suppressed_by', by)
  else
    unlist(had)
    list(id, had.status, had.state, had.severity, had.time, had.limit, nil)
    tell(id, had.revision, had.state, had.json)
  end
end

local function release(gone)
  local _, within, name = parts(gone.limit)
  local time, waiting, near = tonumber(gone.time), {{}}, {{[gone.id] = true}}
  local around = redis.call('ZRANGEBYSCORE', shown_set(0, name), text(time - 2 * within), text(time + 2 * within))
  for _, id in ipairs(around) do near[id] = true end
  for id in pairs(near) do
    local found = redis.call('ZRANGE', lists .. 'repeats:' .. id, 0, -1, 'WITHSCORES')
    for i = 1, #found, 2 do
      local at = tonumber(found[i + 1])
      if id == gone.id or math.abs(at - time) < within then waiting[#waiting + 1] = {{found[i], at}} end
    end
  end
  table.sort(waiting, function(a, b) return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1]) end)
  local counted = {{}}
  for _, one in ipairs(waiting) do decide_again(one[1], counted) end
  for id in pairs(counted) do count_repeats(id) end
end

local function put(alert)
  local id, revision, state, severity, time, json, limit = unpack(alert, 1, 7)
  local had = look(id)
  local newer = not had.json or not had.revision or tonumber(had.revision) < tonumber(revision)
  if not newer and not (mend == '1' and tonumber(had.revision) == tonumber(revision)) then return 0 end
  local status, stands = had.status or 'open', state ~= 'withdrawn'
  local shown = had.json and had.state ~= 'withdrawn' and not had.by
  if had.json then unlist(had) else redis.call('PERSIST', hash_of(id)) end
  redis.call('HSET', hash_of(id), 'json', json, 'revision', revision, 'state', state, 'status', status,
    unpack(alert, 8))
  if limit ~= '' then
    redis.call('HSET', hash_of(id), 'limit', limit)
  elseif had.limit ~= '' then
    redis.call('HDEL', hash_of(id), 'limit')
  end
  local by = stands and limit ~= '' and not shown and repeated(id, limit, severity, tonumber(time), had.by) or nil
  list(id, status, state, severity, time, limit, by)
  if (newer or had.by) and not by and (stands or not had.by) then tell(id, revision, state, json) end
  if shown and had.limit ~= '' and not (stands and had.limit == limit and rank(had.severity) <= rank(severity)) then
    release(had)
  end
  if not newer then return 0 end
  local became = not stands and 3 or (had.json and 2 or 1)
  return by and not had.by and became + 4 or became
end

local became = {{}}
for i, alert in ipairs(cmsgpack.unpack(ARGV[4])) do became[i] = put(alert) end
return became
"""

_REMOVE = f"""{_COMMON}
local removed = 0
local function remove(id)
  unlist(look(id))
  redis.call('DEL', lists .. 'repeats:' .. id)
  removed = removed + redis.call('DEL', hash_of(id))
end
"""

#: Says where people are with alerts. ARGV: first part of all names, for how long what is said of an alert that is not
#: there is kept, s (0: not at all), the entry of the log up to which all is said (0: not known), and the standings as
#: MessagePack: of each id, entry, status, and field and value of what else is shown, in turn, all text. What an earlier
#: entry said changes nothing. Answers how many were said.
STAND = f"""{_COMMON}
local kept, reached, said = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
for _, one in ipairs(cmsgpack.unpack(ARGV[4])) do
  local id, entry, status = unpack(one, 1, 3)
  local hash, had = hash_of(id), look(id)
  local before = redis.call('HGET', hash, 'entry')
  if (had.json or kept > 0) and not (before and tonumber(before) > tonumber(entry)) then
    said = said + 1
    redis.call('HSET', hash, 'entry', entry, 'status', status, unpack(one, 4))
    if not had.json then
      redis.call('EXPIRE', hash, kept)
    else
      redis.call('ZREM', lists .. 'status:' .. (had.status or ''), id)
      if had.state ~= 'withdrawn' and not had.by then
        redis.call('ZADD', lists .. 'status:' .. status, had.time, id)
      end
    end
  end
end
local before = tonumber(redis.call('GET', lists .. 'entry') or '0')
if reached > before then redis.call('SET', lists .. 'entry', ARGV[3]) end
return said
"""

#: Removes alerts from everywhere, those of ARGV[2..]. Answers how many went.
REMOVE = f"{_REMOVE}\nfor i = 2, #ARGV do remove(ARGV[i]) end\nreturn removed"

#: Removes at most ARGV[4] alerts: those before the event time ARGV[2], and what is more than ARGV[3] in all: the least
#: severe first, of them the oldest. ARGV[5..] the severities from the least. Withdrawn and suppressed alerts count as
#: the others do, so that which ones stay is a function of what was ever written. Answers how many went.
TRIM = f"""{_REMOVE}
local oldest, most, left = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local function lists_of(severity)
  return {{lists .. 'severity:' .. severity, lists .. 'withdrawn:' .. severity, lists .. 'suppressed:' .. severity}}
end
local excess = -most
for i = 5, #ARGV do
  for _, list in ipairs(lists_of(ARGV[i])) do
    local old = redis.call('ZRANGEBYSCORE', list, '-inf', '(' .. oldest, 'LIMIT', 0, left)
    for _, id in ipairs(old) do remove(id); redis.call('ZREM', list, id) end
    left = left - #old
    excess = excess + redis.call('ZCARD', list)
  end
end
for i = 5, #ARGV do
  local n = math.min(excess, left)
  if n <= 0 then break end
  local sorted = {{}}
  for _, list in ipairs(lists_of(ARGV[i])) do
    local found = redis.call('ZRANGE', list, 0, n - 1, 'WITHSCORES')
    for at = 1, #found, 2 do sorted[#sorted + 1] = {{found[at], tonumber(found[at + 1]), list}} end
  end
  table.sort(sorted, function(a, b) return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1]) end)
  for at = 1, math.min(n, #sorted) do
    remove(sorted[at][1]); redis.call('ZREM', sorted[at][3], sorted[at][1])
    excess, left = excess - 1, left - 1
  end
end
return tonumber(ARGV[4]) - left
"""
