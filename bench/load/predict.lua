-- wrk script: posts one file over and over and prints one line of JSON when done.
--
--   wrk -t1 -c64 -d5s -s predict.lua http://127.0.0.1:8000/predict -- request.json
--
-- Neither request() nor response() is defined, so wrk formats the request once and runs no Lua per request.
-- Latencies are in microseconds, from the moment the request is written until its answer is complete.

function init(args)
  local path = args[1]
  if not path then
    error("which file to post? usage: wrk ... -s predict.lua URL -- request.json")
  end
  local file = assert(io.open(path, "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  -- unless -H says otherwise
  wrk.headers["Content-Type"] = wrk.headers["Content-Type"] or "application/json"
  file:close()
end

function done(summary, latency, requests)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format(
    '{"requests":%d,"seconds":%.3f,"requests_per_s":%.1f,"p50_us":%.1f,"p90_us":%.1f,"p99_us":%.1f,'
      .. '"max_us":%.1f,"errors":%d,"errors_connect":%d,"errors_read":%d,"errors_write":%d,'
      .. '"errors_status":%d,"errors_timeout":%d}\n',
    summary.requests, summary.duration / 1e6, summary.requests / (summary.duration / 1e6),
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max,
    errors, e.connect, e.read, e.write, e.status, e.timeout))
end
