-- Arguments after --: the method and, optionally, the Cookie header. This script defines no function
-- `request`, so that wrk formats the request once and sends the same bytes each time.
function init(arguments)
  wrk.method = arguments[1]
  if arguments[2] then wrk.headers["Cookie"] = arguments[2] end
end

-- Prints one line with fixed units, because the units in the output of wrk vary. Times are in
-- microseconds.
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("FIGURES %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout + e.status,
    latency:percentile(50), latency:percentile(99)))
end
