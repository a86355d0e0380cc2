-- Write one cache entry and stay within the team's byte budget; oldest entries, of whatever tier, go first.
-- KEYS: used bytes, the entry, then the logs of all tiers.
-- ARGV: budget, entry id, life of the entry (ms), overhead per entry, index of the entry's tier, number of tiers,
--       then per tier: prefix of its entries, life of its rows (ms); then the value; then fields for the log row.
-- Returns the id of the log row, or an empty string if the entry is larger than the whole budget.
local budget, id, life, overhead = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local tier, tiers = tonumber(ARGV[5]), tonumber(ARGV[6])
local at = 6 + 2 * (tiers or 0)
local value = ARGV[at + 1]
local function amount(text)  -- as Redis reads one, and exact in Lua
  return text and (text == '0' or string.match(text, '^[1-9]%d*$')) and tonumber(text) < 9007199254740992
end
local function sound()
  if not (amount(ARGV[1]) and id and id ~= '' and amount(life) and amount(ARGV[4]) and value) then return false end
  if not (amount(ARGV[5]) and amount(ARGV[6]) and tier >= 1 and tier <= tiers) then return false end
  if #KEYS ~= 2 + tiers or tonumber(life) < 1 or (#ARGV - at - 1) % 2 ~= 0 or #ARGV - at > 1000 then return false end
  for i = 1, tiers do if not amount(ARGV[6 + 2 * i]) then return false end end
  for i = at + 2, #ARGV, 2 do if ARGV[i] == 'k' or ARGV[i] == 'n' then return false end end
  return true
end
-- Before the first write: a row without its entry, or bytes that nobody counted, would stay.
if not sound() then return redis.error_reply('ERR arguments of keep.lua') end
local size = overhead + #value
local row = {'k', id}
for i = at + 2, #ARGV do
  row[#row + 1] = ARGV[i]
  size = size + #ARGV[i]
end
if size > budget then return '' end
row[#row + 1], row[#row + 2] = 'n', tostring(size)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local used = tonumber(redis.call('GET', KEYS[1]) or '0')

local function head(i)
  local rows = redis.call('XRANGE', KEYS[2 + i], '-', '+', 'COUNT', 1)
  if #rows == 0 then return nil end
  local found = {row = rows[1][1], born = tonumber(string.match(rows[1][1], '^%d+')), size = 0}
  local fields = rows[1][2]
  for f = 1, #fields, 2 do
    if fields[f] == 'k' then found.id = fields[f + 1] end
    if fields[f] == 'n' then found.size = tonumber(fields[f + 1]) end
  end
  return found
end

local function drop(i, old)
  if old.id then
    local key = ARGV[5 + 2 * i] .. old.id
    -- A younger row may own the entry by now: then only this row goes.
    if redis.call('GETRANGE', key, 0, #old.row) == old.row .. ' ' then redis.call('DEL', key) end
  end
  redis.call('XDEL', KEYS[2 + i], old.row)
  used = used - old.size
end

for i = 1, tiers do
  for _ = 1, 100 do
    local old = head(i)
    if not old or old.born + tonumber(ARGV[6 + 2 * i]) > now then break end
    drop(i, old)
  end
end

local previous = redis.call('GETRANGE', KEYS[2], 0, 40)
local owner = string.match(previous, '^(%d+%-%d+) ')
if owner then
  local rows = redis.call('XRANGE', KEYS[2 + tier], owner, owner)
  if #rows == 1 then
    local fields = rows[1][2]
    for f = 1, #fields, 2 do
      if fields[f] == 'n' then used = used - tonumber(fields[f + 1]) end
    end
    redis.call('XDEL', KEYS[2 + tier], owner)
  end
end

while used + size > budget do
  local oldest, place
  for i = 1, tiers do
    local old = head(i)
    if old and (not oldest or old.born < oldest.born) then oldest, place = old, i end
  end
  if not oldest then used = 0 break end
  drop(place, oldest)
end

local new = redis.call('XADD', KEYS[2 + tier], '*', unpack(row))
redis.call('SET', KEYS[2], new .. ' ' .. value, 'PX', life)
redis.call('SET', KEYS[1], string.format('%.0f', used + size))
return new
