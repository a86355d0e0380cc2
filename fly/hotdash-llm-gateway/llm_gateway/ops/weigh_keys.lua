-- The bytes that some keys take together; those that are not there take none. Nothing where this Redis does not tell.
-- KEYS: what to weigh.
local bytes = 0
for _, key in ipairs(KEYS) do
  local size = redis.pcall('MEMORY', 'USAGE', key)
  if type(size) == 'table' then return false end
  bytes = bytes + (size or 0)
end
return bytes
