-- How many rows each log has, and the bytes of the newest entries by the account that the rows keep. The rows themselves,
-- with the questions and vectors in them, do not leave Redis.
-- KEYS: logs. ARGV: how many rows to look at, at most. Answers for each log: rows, rows looked at, their entries' bytes.
local found = {}
for _, log in ipairs(KEYS) do
  local rows, bytes = redis.call('XREVRANGE', log, '+', '-', 'COUNT', ARGV[1]), 0
  for _, row in ipairs(rows) do
    local fields = row[2]
    for f = 1, #fields, 2 do
      if fields[f] == 'n' then bytes = bytes + tonumber(fields[f + 1]) end
    end
  end
  found[#found + 1] = {redis.call('XLEN', log), #rows, bytes}
end
return found
