#!/bin/sh
# What the official image does before it starts nginx, as far as compose.yaml relies on it: each template is rendered into
# conf.d, with the variables of the environment whose names match the filter, and with no others.
set -eu
variables=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | grep -E "${NGINX_ENVSUBST_FILTER:-}" | sed 's/.*/${&}/')
for template in /etc/nginx/templates/*.template; do
  [ -e "$template" ] || continue
  envsubst "$variables" <"$template" >"/etc/nginx/conf.d/$(basename "$template" .template)"
done
exec "$@"
