-- What a service without batches does: one transaction for each payment, on Shillings' own tables.
--
-- Both wallets are locked in id order, both balances updated, the transaction, its two entries and the idempotency key
-- inserted, and all of it committed. Each payment is one client's; as many run at once as there are connections.
-- Run by sysbench (see sysbench.py).

sysbench.cmdline.options = {
  users = {"How many users there are", 1000},
  run = {"A number no other run on this database has had", 1},
}

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long microseconds; } shillings_time;
  int gettimeofday(shillings_time *now, void *zone);
]]
local now = ffi.new("shillings_time")

local SELECT = "SELECT user_id, balance, entry_count FROM users WHERE user_id IN (x'%s', x'%s')"
  .. " ORDER BY user_id FOR UPDATE"
local UPDATE = "UPDATE users SET balance = CASE user_id WHEN x'%s' THEN %s WHEN x'%s' THEN %s END,"
  .. " entry_count = CASE user_id WHEN x'%s' THEN %s WHEN x'%s' THEN %s END, updated_at = '%s'"
  .. " WHERE user_id IN (x'%s', x'%s')"
local TRANSACTION = "INSERT INTO transactions (transaction_id, kind, sender_id, sender_email, receiver_id,"
  .. " receiver_email, amount, created_at) VALUES (x'%s', 'payment', x'%s', '%s', x'%s', '%s', 1, '%s')"
local ENTRIES = "INSERT INTO entries (account_id, seq, transaction_id, amount, balance) VALUES"
  .. " (x'%s', %s, x'%s', -1, %s), (x'%s', %s, x'%s', 1, %s)"
local KEY = "INSERT INTO idempotency_keys (user_id, idempotency_key, fingerprint, outcome, transaction_id, created_at)"
  .. " VALUES (x'%s', '%s', x'%s', 'ok', x'%s', '%s')"

local connection
local count = 0

function thread_init()
  connection = sysbench.sql.driver():connect()
  connection:query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
  connection:query("SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = 3")
end

function thread_done()
  connection:disconnect()
end

-- As benchmarks/population.py numbers users.
local function user_id(number)
  return string.format("01900000000070008000%012x", number)
end

local function email(number)
  return string.format("user%07d@bench.example", number)
end

-- A UUIDv7: the time, then this run, thread and payment, so that it is new.
local function transaction_id(milliseconds)
  local high = math.floor(milliseconds / 4294967296)
  return string.format("%04x%08x7%03x8%03x%012x", high, milliseconds - high * 4294967296,
    sysbench.opt.run % 4096, sysbench.tid % 4096, count)
end

function event()
  count = count + 1
  ffi.C.gettimeofday(now, nil)
  local seconds = tonumber(now.seconds)
  local moment = os.date("!%Y-%m-%d %H:%M:%S", seconds) .. string.format(".%06d", tonumber(now.microseconds))
  local sender = sysbench.rand.uniform(0, sysbench.opt.users - 1)
  local receiver = sysbench.rand.uniform(0, sysbench.opt.users - 1)
  if receiver == sender then
    receiver = (receiver + 1) % sysbench.opt.users
  end
  local payer, payee = user_id(sender), user_id(receiver)
  local id = transaction_id(seconds * 1000 + math.floor(tonumber(now.microseconds) / 1000))

  connection:query("BEGIN")
  local wallets = connection:query(SELECT:format(payer, payee))
  assert(wallets.nrows == 2, "both users exist")
  local first, second = wallets:fetch_row(), wallets:fetch_row()
  wallets:free()
  local from, to = first, second
  if sender > receiver then
    from, to = second, first
  end
  -- As text with %d: these numbers are exact in a double.
  local from_balance, from_seq = ("%d"):format(tonumber(from[2]) - 1), ("%d"):format(tonumber(from[3]) + 1)
  local to_balance, to_seq = ("%d"):format(tonumber(to[2]) + 1), ("%d"):format(tonumber(to[3]) + 1)
  connection:query(UPDATE:format(payer, from_balance, payee, to_balance, payer, from_seq, payee, to_seq, moment,
    payer, payee))
  connection:query(TRANSACTION:format(id, payer, email(sender), payee, email(receiver), moment))
  connection:query(ENTRIES:format(payer, from_seq, id, from_balance, payee, to_seq, id, to_balance))
  -- Any sixteen bytes serve as the fingerprint.
  connection:query(KEY:format(payer, id, id, id, moment))
  connection:query("COMMIT")
end
