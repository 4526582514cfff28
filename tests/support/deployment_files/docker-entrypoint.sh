#!/bin/sh
# Renders the listener from the environment, then starts Envoy.
set -eu
case "${JWT_ISSUER:-}" in
  http*) ;;
  *) echo "JWT_ISSUER must start with http" >&2; exit 1 ;;
esac
if [ -n "${SUPABASE_PUBLISHABLE_KEY:-}" ] && [ -n "${SUPABASE_SECRET_KEY:-}" ] \
  && [ -n "${ANON_KEY_ASYMMETRIC:-}" ] && [ -n "${SERVICE_ROLE_KEY_ASYMMETRIC:-}" ]; then
  echo "sb_ API key mode"
else
  echo "legacy API key mode (sb_ keys disabled)"
fi
sed -e "s|\${ANON_KEY}|${ANON_KEY:-}|g" -e "s|\${SERVICE_ROLE_KEY}|${SERVICE_ROLE_KEY:-}|g" \
  -e "s|\${SUPABASE_PUBLISHABLE_KEY}|${SUPABASE_PUBLISHABLE_KEY:-}|g" \
  -e "s|\${SUPABASE_SECRET_KEY}|${SUPABASE_SECRET_KEY:-}|g" \
  -e "s|\${ANON_KEY_ASYMMETRIC}|${ANON_KEY_ASYMMETRIC:-}|g" \
  -e "s|\${SERVICE_ROLE_KEY_ASYMMETRIC}|${SERVICE_ROLE_KEY_ASYMMETRIC:-}|g" \
  -e "s|\${JWT_ISSUER}|${JWT_ISSUER}|g" /etc/envoy/lds.template.yaml > /etc/envoy/lds.yaml
exec envoy -c /etc/envoy/envoy.yaml
