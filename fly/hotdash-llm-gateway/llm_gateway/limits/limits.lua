-- Requests, tokens and dollars of one team, decided and booked in one round trip.
--
-- KEYS, all with the team as hash tag (one slot of a cluster):
--   1 req   zset  id                -> time admitted; the requests of the last window
--   2 tok   zset  id:tokens         -> time admitted; the tokens of the last window
--   3 open  zset  id:tokens:nano    -> time admitted; reservations not settled yet
--   4 done  zset  id                -> time; what gateways reported after an outage, so that a repeat changes nothing
--   5 sum   hash  tokens (the sum over tok), epoch (new if Redis lost its data), and per UTC day the nano-USD booked
--   6 an entry of the exact cache that would make a reservation free; may be missing
-- ARGV: 1 operation, 2 window, 3 epoch the caller knows ("" for none), then what the operation needs.
-- Answer: {code, wait, now, epoch, requests, tokens, nano-USD today}; the last three are totals of all gateways. A
-- reservation that is granted for free has the value of the entry as an eighth.
--
-- Times are microseconds of Redis's clock and money is nano-USD, both integers. Lua counts in doubles, which are exact
-- up to 2^53: 285 years of microseconds, 9 million USD a day.
--
-- Money is booked at its estimate when reserved and corrected when settled, so a reservation nobody settles (a gateway
-- was killed; OpenAI may well have been paid) stays booked without anything having to expire.
--
-- A Redis at its maxmemory does not stop this: it refuses a script its first write only if that write needs memory, and
-- the first here (in prune) frees some. Where a server refuses nonetheless, nothing is booked by half, since the first
-- write of every booking is one that needs memory.

local req, tok, open, done, sum = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local operation, window, known_epoch = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local DAY = 86400000000
local SETTLE = 4500000000          -- after 75 minutes a reservation can no longer be corrected
local KEEP_DAYS = 40
local GRANTED, REQUESTS, TOKENS, USD, STRANGER = 0, 1, 2, 3, 4
local NEVER = -1

-- Arguments that are no amounts change nothing: a number that Redis or Lua reads otherwise than the other would be booked
-- by half. Written as Redis writes them, since they become parts of names.
local TOO_MUCH = 9007199254740992
local function amount(text)
  return text and (text == '0' or string.match(text, '^[1-9]%d*$')) and tonumber(text) < TOO_MUCH
end
local function amounts(...)
  for _, at in ipairs({...}) do if not amount(ARGV[at]) then return false end end
  return true
end
local function switch(text) return text == '0' or text == '1' end
local function digits(...)  -- of any length: limits, and what is held against them
  for _, at in ipairs({...}) do if not string.match(ARGV[at] or '', '^%d+$') then return false end end
  return true
end
local function sound()
  if #KEYS < 5 or not known_epoch or not amount(ARGV[2]) or window < 1 then return false end
  if operation == 'reserve' then return #ARGV == 11 and switch(ARGV[5]) and digits(6, 7, 8, 9, 10) end
  if operation == 'settle' then return #ARGV == 10 and amounts(5, 6, 7, 8, 9) and switch(ARGV[10]) end
  if operation == 'record' then
    local settled = (ARGV[8] == '' and ARGV[9] == '') or amounts(8, 9)
    return #ARGV == 11 and switch(ARGV[5]) and amounts(6, 7, 10, 11) and settled
  end
  return true
end
if not sound() then return redis.error_reply('ERR arguments of limits.lua') end

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
-- A clock set back a little must not open the window early.
local newest = redis.call('ZRANGE', req, -1, -1, 'WITHSCORES')[2]
if newest and tonumber(newest) > now then now = tonumber(newest) end
local cutoff = now - window
local today = math.floor(now / DAY)

local function day_field(day) return string.format('%d', day) end

local function prune()
  redis.call('ZREMRANGEBYSCORE', req, '-inf', cutoff)
  redis.call('ZREMRANGEBYSCORE', open, '-inf', now - SETTLE)
  local gone = redis.call('ZRANGEBYSCORE', tok, '-inf', cutoff)
  if #gone > 0 then
    local freed = 0
    for _, member in ipairs(gone) do freed = freed + tonumber(string.match(member, '(%d+)$')) end
    redis.call('HINCRBY', sum, 'tokens', -freed)
    redis.call('ZREMRANGEBYSCORE', tok, '-inf', cutoff)
  end
end

local function figures()
  local row = redis.call('HMGET', sum, 'epoch', 'tokens', day_field(today))
  local tokens = tonumber(row[2] or 0)
  if tokens ~= 0 and redis.call('EXISTS', tok) == 0 then  -- tok expired as a key, with all its entries outside the window
    redis.call('HSET', sum, 'tokens', 0)
    tokens = 0
  end
  return row[1] or '', redis.call('ZCARD', req), tokens, tonumber(row[3] or 0)
end

-- Whether Redis lost its data since the caller last heard of it. Nothing is booked then: what the caller knows has to
-- be reported first, this included.
local function stranger()
  return known_epoch ~= '' and (redis.call('HGET', sum, 'epoch') or '') ~= known_epoch
end

local function answer(code, wait)
  local epoch, requests, tokens, nano = figures()
  return {code, wait, now, epoch, requests, tokens, nano}
end

local function keep_tokens() redis.call('EXPIRE', tok, math.ceil(window / 1000000) + 60) end

local function keep()
  redis.call('EXPIRE', req, math.ceil(window / 1000000) + 60)
  keep_tokens()
  redis.call('EXPIRE', open, SETTLE / 1000000)
  redis.call('EXPIRE', done, SETTLE / 1000000)
  redis.call('EXPIRE', sum, KEEP_DAYS * 86400)
end

local function new_day()
  for _, field in ipairs(redis.call('HKEYS', sum)) do
    local day = tonumber(field)
    if day and day < today - KEEP_DAYS then redis.call('HDEL', sum, field) end
  end
end

-- Book one admission made at `at`. `tokens` and `nano` stay text: numbers would be written as 1e+15 when joined.
local function book(id, at, requests, tokens, nano, day)
  redis.call('HSETNX', sum, 'epoch', string.format('%.0f', now))
  if requests == '1' and at > cutoff then redis.call('ZADD', req, 'NX', at, id) end
  if tokens ~= '0' and at > cutoff and redis.call('ZADD', tok, 'NX', at, id .. ':' .. tokens) == 1 then
    redis.call('HINCRBY', sum, 'tokens', tokens)
  end
  if nano ~= '0' and redis.call('HINCRBY', sum, day_field(day), nano) == tonumber(nano) then new_day() end
  if tokens ~= '0' or nano ~= '0' then redis.call('ZADD', open, at, id .. ':' .. tokens .. ':' .. nano) end
  keep()
end

-- How long until `need` more tokens fit, given that `used` are in the window.
local function wait_for_tokens(used, need, limit)
  local start = 0
  while true do
    local rows = redis.call('ZRANGE', tok, start, start + 199, 'WITHSCORES')
    if #rows == 0 then return window end
    for i = 1, #rows, 2 do
      used = used - tonumber(string.match(rows[i], '(%d+)$'))
      if used + need <= limit then return tonumber(rows[i + 1]) - cutoff end
    end
    start = start + 200
  end
end

-- reserve: 4 id, 5 requests (0 or 1), 6 tokens, 7 nano-USD, 8 rpm, 9 tpm, 10 nano-USD a day, 11 "1" to tell the other
-- gateways the new totals, on the channel named like key 5
local function reserve()
  local _, requests, tokens, nano = figures()
  if stranger() then return answer(STRANGER, 0) end
  local kept = KEYS[6] and redis.call('GET', KEYS[6])
  local asked_tokens, asked_nano = ARGV[6], ARGV[7]
  if kept then asked_tokens, asked_nano = '0', '0' end
  local want = {tonumber(ARGV[5]), tonumber(asked_tokens), tonumber(asked_nano)}
  local limit = {tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])}
  for code = REQUESTS, USD do
    if want[code] > limit[code] then return answer(code, NEVER) end
  end
  -- Of several limits in the way the one that is longest in the way counts.
  local code, wait = GRANTED, 0
  if requests + want[1] > limit[1] and want[1] > 0 then
    local i = requests + want[1] - limit[1] - 1
    code, wait = REQUESTS, tonumber(redis.call('ZRANGE', req, i, i, 'WITHSCORES')[2]) - cutoff
  end
  if tokens + want[2] > limit[2] and want[2] > 0 then
    local tokens_wait = wait_for_tokens(tokens, want[2], limit[2])
    if tokens_wait > wait then code, wait = TOKENS, tokens_wait end
  end
  if nano + want[3] > limit[3] and want[3] > 0 then
    local midnight = (today + 1) * DAY - now
    if midnight > wait then code, wait = USD, midnight end
  end
  if code ~= GRANTED then return answer(code, wait) end
  if not (amount(asked_tokens) and amount(asked_nano)) then return redis.error_reply('ERR arguments of limits.lua') end
  book(ARGV[4], now, ARGV[5], asked_tokens, asked_nano, today)
  local granted = answer(GRANTED, 0)
  if kept then granted[8] = kept end
  if ARGV[11] == '1' then
    redis.call('PUBLISH', sum, string.format('%.0f %.0f %.0f %.0f', now, granted[5], granted[6], granted[7]))
  end
  return granted
end

local function correct(id, reserved_tokens, reserved_nano, tokens, nano, day)
  local member = id .. ':' .. reserved_tokens .. ':' .. reserved_nano
  local at = redis.call('ZSCORE', open, member)
  if not at then return end
  -- A day that it was not reserved on, or that is long gone, must not fall below nothing.
  local booked = redis.call('HINCRBY', sum, day_field(day), string.format('%.0f', nano - reserved_nano))
  if booked < 0 then redis.call('HSET', sum, day_field(day), '0') end
  if tokens ~= reserved_tokens then
    local listed = redis.call('ZREM', tok, id .. ':' .. reserved_tokens) == 1
    if listed or (reserved_tokens == '0' and tonumber(at) > cutoff) then
      redis.call('HINCRBY', sum, 'tokens', string.format('%.0f', tokens - reserved_tokens))
      if tokens ~= '0' then redis.call('ZADD', tok, at, id .. ':' .. tokens) end
      keep_tokens()  -- A set that loses its last member loses its time to live with it.
    end
  end
  redis.call('ZREM', open, member)
end

-- settle: 4 id, 5 tokens and 6 nano-USD reserved, 7 tokens and 8 nano-USD used, 9 day reserved, 10 "1" to take back
-- the request as well. Only the first settlement of an id changes anything.
local function settle()
  if stranger() then return answer(STRANGER, 0) end
  correct(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9])
  if ARGV[10] == '1' then redis.call('ZREM', req, ARGV[4]) end
  return answer(GRANTED, 0)
end

-- record: 4 id, 5 requests, 6 tokens and 7 nano-USD reserved, 8 tokens and 9 nano-USD used or "" if still open, 10 age,
-- 11 day: what a gateway has admitted or spent without asking. Booked whatever the limits say, once per id.
local function record()
  if stranger() then return answer(STRANGER, 0) end
  if redis.call('ZADD', done, 'NX', now, ARGV[4]) == 1 then
    redis.call('ZREMRANGEBYSCORE', done, '-inf', now - SETTLE)
    -- A reservation whose answer the gateway never got may have been booked after all.
    if not redis.call('ZSCORE', open, ARGV[4] .. ':' .. ARGV[6] .. ':' .. ARGV[7]) then
      book(ARGV[4], now - ARGV[10], ARGV[5], ARGV[6], ARGV[7], ARGV[11])
    end
    keep()
  end
  if ARGV[8] ~= '' then correct(ARGV[4], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[11]) end
  return answer(GRANTED, 0)
end

prune()
if operation == 'reserve' then return reserve() end
if operation == 'settle' then return settle() end
if operation == 'record' then return record() end
-- totals: nothing else. usage: then all of sum and the open reservations, which may be thousands
local row = answer(GRANTED, 0)
if operation == 'usage' then row[8], row[9] = redis.call('HGETALL', sum), redis.call('ZRANGE', open, 0, -1) end
return row
