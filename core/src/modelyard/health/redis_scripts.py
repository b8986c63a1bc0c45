"""Scripts of the shared state that Redis runs, each as one step, on the server's own clock.

The breaker's rules are those of ``modelyard.health.breaker``; a property test holds the two to each other. Times
are seconds; numbers come and go as text, because Redis cuts fractions off.

For each deployment there is a hash of its health, a sorted set of the slots taken (each with the time at which it
lapses), and a hash of what was sent in each second of the last minute. Counting by whole seconds may hold a
request back for a second too long and never lets one through too early.

What is found may be damaged: by another program, by hand, by a version to come. A key of the wrong type, or with
a value that cannot be meant, is set aside alone: it is emptied, begun anew, and named at the end of the answer.
It is emptied by expiring it, which needs no right to delete.
"""

from __future__ import annotations

__all__ = ["ADMIT", "PROBE", "RENEW", "REPORT", "TAKE_RETRY"]

_HEALTH = """
local damaged = {}

local function text(number) return string.format('%.6f', number) end

local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function empty(key)
  redis.call('EXPIRE', key, 0)
  table.insert(damaged, key)
end

local function call(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE', 1, true) then empty(key) end
  return redis.call(command, key, ...)
end

local function number(value, most)
  if not value then return 0 end
  local found = tonumber(value)
  if found and found >= 0 and found <= most then return found end
end

local names = {'failures', 'silent', 'openings', 'open_until', 'probe', 'exhausted'}
local most = {1e9, 1e9, 1e9}
local latest = {open_until = 2592000, probe = 60, exhausted = 2592000}

local function load(key, now)
  local found, health = call('HMGET', key, unpack(names)), {}
  for index, name in ipairs(names) do
    health[name] = number(found[index], most[index] or now + latest[name])
    if not health[name] then
      empty(key)
      return {failures = 0, silent = 0, openings = 0, open_until = 0, probe = 0, exhausted = 0}
    end
  end
  return health
end

local function save(key, now, changes)
  for name, value in pairs(changes) do redis.call('HSET', key, name, text(value)) end
  local last = math.max(changes.open_until or 0, changes.exhausted or 0, now)
  local keep = math.min(math.ceil(last - now) + 3600, 2592000)
  if redis.call('TTL', key) < keep then redis.call('EXPIRE', key, keep) end
end

local function pause(health, now, last_resort, probe_timeout)
  if health.open_until == 0 or (last_resort and health.silent < last_resort) then return 0 end
  if now < health.open_until then return health.open_until - now end
  if health.probe > 0 and now - health.probe < probe_timeout then return math.min(0.2, probe_timeout) end
  return 0
end

local function with_damage(answer)
  for _, key in ipairs(damaged) do table.insert(answer, key) end
  return answer
end

local function add_waits(answer, now, probe_timeout)
  for index = 3, #KEYS do
    local health = load(KEYS[index], now)
    local wait = math.max(pause(health, now, nil, probe_timeout), health.exhausted - now, 0)
    table.insert(answer, text(wait))
  end
  return with_damage(answer)
end
"""

ADMIT = (
    _HEALTH
    + """
local now, probe_timeout, tokens = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local last_resort = ARGV[4] ~= '' and tonumber(ARGV[4]) or nil
local per_minute, tokens_per_minute, concurrency = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local slot, lease = ARGV[8], tonumber(ARGV[9])
local slots, sent, key = KEYS[1], KEYS[2], KEYS[3]
local health = load(key, now)

local function refuse(reason, wait) return add_waits({reason, text(wait)}, now, probe_timeout) end

local wait = pause(health, now, last_resort, probe_timeout)
if wait > 0 then return refuse('breaker', wait) end
if health.exhausted > now and not last_resort then return refuse('limit', health.exhausted - now) end

if concurrency then
  call('ZREMRANGEBYSCORE', slots, '-inf', text(now))
  redis.call('ZREMRANGEBYSCORE', slots, text(now + 86400 + lease), '+inf')
  if redis.call('ZCARD', slots) >= concurrency then return refuse('concurrency', 0.05) end
end

if per_minute or tokens_per_minute then
  local old, sums, seconds = {}, {r = 0, t = 0}, {r = {}, t = {}}
  local all = call('HGETALL', sent)
  for index = 1, #all, 2 do
    local kind, digits = string.match(all[index], '^([rt])(%d+)$')
    local second, amount = number(digits, now + 5), number(string.match(all[index + 1], '^%d+$') or 'no', 1e12)
    if not (kind and second and amount) then
      empty(sent)
      old, sums, seconds = {}, {r = 0, t = 0}, {r = {}, t = {}}
      break
    elseif second + 61 <= now then
      table.insert(old, all[index])
    else
      sums[kind] = sums[kind] + amount
      table.insert(seconds[kind], {second, amount})
    end
  end
  for _, field in ipairs(old) do redis.call('HDEL', sent, field) end

  local function until_room(kind, amount, limit)
    local excess = sums[kind] + amount - limit
    if excess <= 0 then return 0 end
    table.sort(seconds[kind], function(one, other) return one[1] < other[1] end)
    for _, entry in ipairs(seconds[kind]) do
      excess = excess - entry[2]
      if excess <= 0 then return math.max(entry[1] + 61 - now, 0.05) end
    end
    return 61
  end

  if tokens_per_minute then
    tokens = math.min(tokens, tokens_per_minute)
    wait = math.max(wait, until_room('t', tokens, tokens_per_minute))
  end
  if per_minute then wait = math.max(wait, until_room('r', 1, per_minute)) end
  if wait > 0 then return refuse('limit', wait) end

  local second = string.format('%d', math.floor(now))
  if per_minute then redis.call('HINCRBY', sent, 'r' .. second, 1) end
  if tokens_per_minute then redis.call('HINCRBY', sent, 't' .. second, tokens) end
  redis.call('EXPIRE', sent, 120)
end

if concurrency then
  redis.call('ZADD', slots, text(now + lease), slot)
  redis.call('EXPIRE', slots, math.ceil(lease) + 60)
end
if health.open_until > 0 and now >= health.open_until then save(key, now, {probe = now}) end
return add_waits({'', '0'}, now, probe_timeout)
"""
)
"""Keys: slots, what was sent, the deployment, then others whose waits are told too.

Answers with the reason of a refusal or nothing, its wait, the wait of every deployment named, and the keys that
were damaged.
"""

REPORT = (
    _HEALTH
    + """
local now, probe_timeout, slot, verdict = clock(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local delay, answered = math.min(tonumber(ARGV[5]), 2592000), ARGV[6] == '1'
local exhausted = math.min(tonumber(ARGV[7]), 2592000)
local enough, cooldown, longest = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local slots, key = KEYS[1], KEYS[3]
local health, changes = load(key, now), {}

if slot ~= '' then call('ZREM', slots, slot) end
if verdict == 'ok' then
  if health.failures + health.silent + health.openings + health.open_until + health.probe > 0 then
    changes = {failures = 0, silent = 0, openings = 0, open_until = 0, probe = 0}
  end
elseif verdict == 'failed' then
  local cooling = now < health.open_until
  local wait = delay
  changes.failures = health.failures + 1
  changes.silent = answered and 0 or health.silent + 1
  changes.probe = 0
  if cooling then
    wait = math.max(wait, health.open_until - now, cooldown)
  elseif health.probe > 0 or changes.failures >= enough then
    wait = math.max(wait, math.min(cooldown * 2 ^ health.openings, longest))
    changes.openings = health.openings + 1
  end
  if wait > 0 then changes.open_until = now + wait end
elseif health.probe > 0 then
  changes.probe = 0
end
if verdict == 'ok' then
  if exhausted + health.exhausted > 0 then changes.exhausted = exhausted > 0 and now + exhausted or 0 end
elseif exhausted > 0 then
  changes.exhausted = math.max(health.exhausted, now + exhausted)
end
if next(changes) then save(key, now, changes) end
return add_waits({'', '0'}, now, probe_timeout)
"""
)
"""Keys and answer as for ``ADMIT``."""

TAKE_RETRY = (
    _HEALTH
    + """
local now, capacity, per_second = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local found = call('HMGET', KEYS[1], 'budget', 'budget_at')
local level, at = number(found[1] or capacity, 1e6), number(found[2] or now, now + 60)
if not (level and at) then
  empty(KEYS[1])
  level, at = capacity, now
end
level = math.min(capacity, level + math.max(now - at, 0) * per_second)
if level < 1 then return with_damage({0}) end
save(KEYS[1], now, {budget = level - 1, budget_at = now})
return with_damage({1})
"""
)
"""Answers with 1 or 0, and the keys that were damaged."""

RENEW = (
    _HEALTH
    + """
local now, lease = clock(ARGV[1]), tonumber(ARGV[2])
for index, slots in ipairs(KEYS) do
  call('ZADD', slots, text(now + lease), ARGV[index + 2])
  redis.call('EXPIRE', slots, math.ceil(lease) + 60)
end
return with_damage({0})
"""
)
"""Keys: the slots of each lease held, one for each; arguments: their ids. Answers with 0 and damaged keys."""

PROBE = """
redis.call('HSET', KEYS[1], 'at', redis.call('TIME')[1])
redis.call('ZADD', KEYS[2], 0, 'at')
redis.call('EXPIRE', KEYS[1], 60)
redis.call('EXPIRE', KEYS[2], 60)
redis.call('TTL', KEYS[1])
return 1
"""
"""Does everything that is needed, on two keys of its own: a server that does this is of use."""
