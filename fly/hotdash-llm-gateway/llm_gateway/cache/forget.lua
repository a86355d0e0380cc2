-- Remove up to a batch of entries of one tier that are older than a log row.
-- KEYS: used bytes, the tier's log. ARGV: prefix of the tier's entries, last row to remove, batch size.
-- Returns how many rows were removed. A full Redis lets a script delete, but not count: then the bytes stay as they were.
local rows = redis.call('XRANGE', KEYS[2], '-', ARGV[2], 'COUNT', ARGV[3])
local freed = 0
for _, row in ipairs(rows) do
  local fields = row[2]
  for f = 1, #fields, 2 do
    if fields[f] == 'k' then
      local key = ARGV[1] .. fields[f + 1]
      if redis.call('GETRANGE', key, 0, #row[1]) == row[1] .. ' ' then redis.call('DEL', key) end
    elseif fields[f] == 'n' then
      freed = freed + tonumber(fields[f + 1])
    end
  end
  redis.call('XDEL', KEYS[2], row[1])
end
if freed > 0 then
  local left = tonumber(redis.call('GET', KEYS[1]) or '0') - freed
  redis.pcall('SET', KEYS[1], string.format('%.0f', math.max(left, 0)))
end
return #rows
