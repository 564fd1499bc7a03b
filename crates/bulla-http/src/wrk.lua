-- Arguments after --: the method, and the Cookie header or nothing. Without a function
-- `request`, wrk writes the request once and sends those bytes again and again.
function init(arguments)
  wrk.method = arguments[1]
  if arguments[2] then wrk.headers["Cookie"] = arguments[2] end
end

-- One line in place of wrk's own words, whose units vary. Times in microseconds.
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("FIGURES %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout + e.status,
    latency:percentile(50), latency:percentile(99)))
end
