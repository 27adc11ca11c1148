-- A mix of what Lua programs do: calls, tables, strings, closures, floats. Prints checksums.
local scale = tonumber(arg and arg[1]) or 1

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print('fib', fib(24 + scale))

local function sieve(n)
  local composite, count = {}, 0
  for i = 2, n do
    if not composite[i] then
      count = count + 1
      for j = i * i, n, i do composite[j] = true end
    end
  end
  return count
end
print('sieve', sieve(200000 * scale))

local words = {}
for i = 1, 20000 * scale do words[#words + 1] = string.format('%05d-%s', (i * 7919) % 100003, string.rep('x', i % 7)) end
table.sort(words)
local text = table.concat(words, ' ')
local hits = 0
for w in text:gmatch('(%d+)-x+') do hits = hits + tonumber(w) % 10 end
print('strings', #text, hits)

local function mandel(size)
  local inside = 0
  for y = 0, size - 1 do
    for x = 0, size - 1 do
      local cr, ci = 3 * x / size - 2, 2 * y / size - 1
      local zr, zi, n = 0.0, 0.0, 0
      while n < 50 and zr * zr + zi * zi < 4 do zr, zi, n = zr * zr - zi * zi + cr, 2 * zr * zi + ci, n + 1 end
      if n == 50 then inside = inside + 1 end
    end
  end
  return inside
end
print('mandel', mandel(128 * scale))

local function counter() local c = 0 return function(k) c = (c + k) % 1000003 return c end end
local bump = counter()
for i = 1, 1000000 * scale do bump(i) end
print('closure', bump(0))
