-- Recognises the API key of a request by its SHA-256 and puts the right credentials in its place.
--
-- This source never changes with the keys: accepted hashes and internal bearers are metadata of the
-- virtual host, the rule of a route is metadata of the route; both come with the routes file.
-- It fails closed: an error inside the filter is answered with 500, never passed on.
-- In front of it stand sha256.lua and the name ALLOWED_METHODS when it is loaded.

-- ── Memory of pure functions, bounded: two generations, the older one is dropped ────────────────

local GENERATION = 512

local function remembered(compute)
  local young, old, count = {}, {}, 0
  return function(text)
    local value = young[text]
    if value == nil then
      value = old[text]
      if value == nil then
        value = compute(text)
      end
      if count >= GENERATION then
        young, old, count = {}, young, 0
      end
      young[text] = value
      count = count + 1
    end
    return value
  end
end

local digest = remembered(sha256)

-- ── What a bearer says about itself, for the log only: never trusted ────────────────────────────

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local SIXTET = {}
for i = 1, 64 do
  SIXTET[ALPHABET:byte(i)] = i - 1
end

local function from_base64url(text)
  local out, held, bits = {}, 0, 0
  for i = 1, #text do
    held = bor(lshift(band(held, 0xffff), 6), SIXTET[text:byte(i)] or 0)
    bits = bits + 6
    if bits >= 8 then
      bits = bits - 8
      out[#out + 1] = string.char(band(rshift(held, bits), 255))
    end
  end
  return table.concat(out)
end

local function member(json, name)
  local value = json:match('"' .. name .. '"%s*:%s*"([%w%._:%-]+)"')
  return value and value:sub(1, 64) or ""
end

local header_of = remembered(function(segment)
  local json = from_base64url(segment)
  return { alg = member(json, "alg"), kid = member(json, "kid") }
end)

-- ── Reading a request ───────────────────────────────────────────────────────────────────────────

local LONGEST_KEY = 4096
local LONGEST_LOGGED_PATH = 512

local function value_of(headers, name)
  local value = headers:get(name)
  if value == "" then
    return nil
  end
  return value
end

local function bearer_in(authorization)
  local scheme, credential = authorization:match("^(%a+)%s+(%S+)%s*$")
  if scheme and scheme:lower() == "bearer" then
    return credential
  end
  return nil
end

-- Envoy joins repeated Authorization headers with a comma, which no bearer token contains.
local function several_bearers(authorization)
  if not authorization or not authorization:find(",", 1, true) then
    return false
  end
  return (authorization:match("^%s*(%a*)")):lower() == "bearer"
end

local function is_opaque(credential)
  return credential ~= nil and credential:sub(1, 3) == "sb_"
end

local function unescape(text)
  text = text:gsub("+", " ")
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

-- Splits ":path" into the path, the first ?apikey= and the other parameters, as they were sent.
local function split_query(path)
  local bare, query = path:match("^([^?]*)%?(.*)$")
  if not bare then
    return path, nil, {}
  end
  local key, others = nil, {}
  for pair in query:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    if unescape(name) == "apikey" then
      key = key or unescape(value)
    else
      others[#others + 1] = pair
    end
  end
  return bare, key, others
end

-- ── Answers ─────────────────────────────────────────────────────────────────────────────────────

local function refusal(status, message, hint)
  return { status = status, message = message, hint = hint }
end

local NO_KEY = refusal("401", "No API key found in request",
  "Send a publishable or a secret key in the `apikey` header.")
local BAD_KEY = refusal("401", "Invalid API key",
  "The key in the `apikey` header is unknown here or was revoked. Check it for missing characters.")
local CONFLICT = refusal("401", "Conflicting API keys",
  "The `apikey` header and `Authorization` hold different keys. Send the key in `apikey` only.")
local IN_BROWSER = refusal("401", "Forbidden use of secret API key in browser",
  "Whoever reads this page can read the key: revoke it, and use a publishable key in browsers.")
local SERVICE_ONLY = refusal("403", "Access to schema is forbidden",
  "The description of the whole schema is served only for a secret API key.")
local FORBIDDEN = refusal("403", "Access is forbidden.",
  "This path is for the operator of the stack and not reachable through the gateway.")
local UNKNOWN = refusal("404", "No such API",
  "This stack serves /auth/v1, /rest/v1, /graphql/v1, /realtime/v1, /storage/v1 and /functions/v1.")
local TWICE = refusal("400", "A credential was sent more than once",
  "Send `apikey` and `Authorization` once each.")
local NOT_READY = refusal("503", "The gateway has no internal credential yet", "Try again.")
local TOO_LARGE = refusal("413", "The request body is too large.", "Send it in smaller parts.")
local BROKEN = refusal("500", "The gateway could not process this request",
  "This is a defect of the gateway's filter; its log says more.")

local function not_configured(flag)
  return refusal("503", "This service is not part of the running stack",
    "Start Keyturn with `" .. flag .. "` to say where it is.")
end

local function answer(handle, reply)
  -- The headers that let a browser read the answer are added to every answer of the route.
  if reply.allow then
    handle:respond({
      [":status"] = "204",
      ["access-control-allow-methods"] = ALLOWED_METHODS,
      ["access-control-allow-headers"] = reply.allow,
      ["access-control-max-age"] = "3600",
      ["vary"] = "Access-Control-Request-Headers",
    }, "")
    return
  end
  local body = '{"message":"' .. reply.message .. '","hint":"' .. reply.hint .. '"}'
  handle:respond({
    [":status"] = reply.status,
    ["content-type"] = "application/json; charset=utf-8",
  }, body)
end

-- ── Access: one function per kind of route; each returns a refusal or nothing ───────────────────

-- Looks a key up; `request.entry` is what is known of it, `request.token` the internal bearer.
local function recognise(request, key, purpose)
  if #key > LONGEST_KEY then
    return BAD_KEY
  end
  local entry = request.known:get(digest(key))
  if not entry then
    return BAD_KEY
  end
  local token = request.known:get(purpose .. ":" .. entry.role)
  if not token then
    return NOT_READY
  end
  local agent = request.headers:get("user-agent")
  if entry.kind == "secret" and agent and agent:sub(1, 8) == "Mozilla/" then
    return IN_BROWSER
  end
  request.entry, request.token = entry, token
  return nil
end

-- A user's own token passes; no token, an opaque key or the API key itself becomes the internal one.
local function replace_credentials(request, key)
  local headers = request.headers
  local sent = request.credential
  if not request.authorization or is_opaque(sent) or sent == key then
    headers:replace("authorization", "Bearer " .. request.token)
  end
  headers:replace("apikey", request.token)
end

local function with_key(request)
  request.headers:remove("x-api-key")
  local key = request.key
  if not key then
    return NO_KEY
  end
  local refused = recognise(request, key, "bearer")
  if refused then
    return refused
  end
  replace_credentials(request, key)
  return nil
end

local function with_service_key(request)
  local refused = with_key(request)
  if not refused and request.entry.role ~= "service_role" then
    return SERVICE_ONLY
  end
  return refused
end

local function with_socket_key(request)
  local headers = request.headers
  headers:remove("x-api-key")
  local bare, from_query, others = split_query(request.path)
  local key = request.key or from_query
  if not key or key == "" then
    return NO_KEY
  end
  local refused = recognise(request, key, "socket")
  if refused then
    return refused
  end
  others[#others + 1] = "apikey=" .. request.token
  headers:replace(":path", bare .. "?" .. table.concat(others, "&"))
  headers:replace("apikey", request.token)
  headers:replace("x-api-key", request.token)
  return nil
end

-- Storage: whoever sends no key, or signs by himself (S3), is left alone.
local function with_optional_key(request)
  local headers = request.headers
  if request.authorization and not request.credential then
    return nil
  end
  headers:remove("x-api-key")
  local key = request.key
  if is_opaque(request.credential) then
    key = key or request.credential
  end
  if not key then
    return nil
  end
  local refused = recognise(request, key, "bearer")
  if not refused then
    replace_credentials(request, key)
  elseif refused ~= BAD_KEY or is_opaque(request.credential) then
    return refused
  else
    headers:remove("apikey")
  end
  return nil
end

-- Functions check tokens themselves: they get the internal bearer beside what the client sent.
local function with_function_key(request)
  local opaque = is_opaque(request.credential) and request.credential or nil
  if request.key and opaque and request.key ~= opaque then
    return CONFLICT
  end
  local key = request.key or opaque
  if not key then
    return nil
  end
  local refused = recognise(request, key, "bearer")
  if not refused then
    request.headers:replace("sb-api-key", request.token)
  elseif refused ~= BAD_KEY or is_opaque(key) then
    return refused
  end
  return nil
end

local function nothing()
  return nil
end

local ACCESS = {
  open = nothing,
  console = nothing,
  key = with_key,
  service = with_service_key,
  socket = with_socket_key,
  optional = with_optional_key,
  ["function"] = with_function_key,
  forbidden = function()
    return FORBIDDEN
  end,
  unknown = function(request)
    return with_key(request) or UNKNOWN
  end,
}

-- ── The filter ──────────────────────────────────────────────────────────────────────────────────

local function preflight(headers, access)
  if access == "console" or headers:get(":method") ~= "OPTIONS" or not headers:get("origin") then
    return nil
  end
  if not headers:get("access-control-request-method") then
    return nil
  end
  local wanted = headers:get("access-control-request-headers") or ""
  return { allow = wanted:gsub("[^%w%-_, ]", "") }
end

local function read(handle, headers)
  local authorization = value_of(headers, "authorization")
  return {
    headers = headers,
    known = handle:virtualHost():metadata(),
    path = headers:get(":path") or "",
    key = value_of(headers, "apikey"),
    authorization = authorization,
    credential = authorization and bearer_in(authorization),
  }
end

-- What the access log may say: ids and names, no credential and no query.
local function note(handle, request)
  local seen = { path = request.path:match("^[^?]*"):sub(1, LONGEST_LOGGED_PATH) }
  local credential = request.credential
  if request.entry then
    seen.key, seen.role = request.entry.id, request.entry.role
  end
  if is_opaque(credential) then
    seen.credential = "key"
  elseif credential then
    local segment = credential:match("^([%w_%-]+)%.[%w_%-]+%.")
    seen.credential = segment and "jwt" or "other"
    if segment and #segment <= 512 then
      local header = header_of(segment)
      seen.alg, seen.kid = header.alg, header.kid
    end
  else
    seen.credential = request.authorization and "other" or "none"
  end
  handle:streamInfo():dynamicMetadata():set("keyturn", "seen", seen)
end

local function decide(handle)
  local headers = handle:headers()
  local route = handle:metadata()
  local access = route:get("access") or "unknown"
  local answered = preflight(headers, access)
  local request = read(handle, headers)
  local reply = answered
  if not reply then
    if headers:getNumValues("apikey") > 1 or several_bearers(request.authorization) then
      reply = TWICE
    else
      reply = ACCESS[access](request)
    end
  end
  note(handle, request)
  if reply then
    return reply
  end
  local missing = route:get("missing")
  if missing then
    return not_configured(missing)
  end
  local limit, announced = route:get("limit") or 0, tonumber(headers:get("content-length") or "")
  if limit > 0 and announced and announced > limit then
    return TOO_LARGE
  end
  local method = headers:get(":method")
  if access ~= "socket" and (method == "GET" or method == "HEAD") then
    headers:replace("x-envoy-retry-on", "reset")
  end
  return nil
end

function envoy_on_request(handle)
  local fine, reply = pcall(decide, handle)
  if not fine then
    handle:logErr("keyturn filter: " .. tostring(reply))
    reply = BROKEN
  end
  if reply then
    answer(handle, reply)
  end
end
