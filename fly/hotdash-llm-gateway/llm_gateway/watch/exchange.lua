-- One watch tells Redis who it is and what it knows, and hears who works and what Redis knows.
-- KEYS: lease, document. ARGV: token, lease in ms, may it take a lease that is nobody's (0/1), revision (-1: knows none of Redis'), document ('' none).
-- Answers {1 if the lease is ours, the document there if it is newer than the one offered}.
local holder = redis.call('GET', KEYS[1])
if holder ~= ARGV[1] and holder ~= 'free' then
  if holder or ARGV[3] == '0' then
    return {0, false}
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local there = redis.call('GET', KEYS[2])
local revision = there and cjson.decode(there).revision or 0
if there and revision > tonumber(ARGV[4]) then
  return {1, there}
end
if ARGV[5] ~= '' then
  redis.call('SET', KEYS[2], ARGV[5])
end
return {1, false}
