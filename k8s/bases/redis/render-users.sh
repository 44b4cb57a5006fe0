#!/bin/sh
# Writes Redis's ACL file: users.acl with each user's password from a file of the user's name.
#
#   render-users.sh TEMPLATE PASSWORDS_FOLDER > /etc/redis/users.acl
#
# PASSWORDS_FOLDER is a Secret mounted as a volume: one file a user, `default` for the default one.
# A user without a file is left out, so a deployment without Sentinel needs no password for it.
# Only SHA-256 hashes are written. RAGSTREAM_NAMESPACE names the keys; comments fall away.
set -eu
template=$1
passwords=$2
namespace=${RAGSTREAM_NAMESPACE:-rag}

# Redis gives a default user that no file names all rights and no password.
[ -f "$passwords/default" ] || printf 'user default off\n'

# `read` without -r joins the lines that end in a backslash.
# shellcheck disable=SC2162
while read line; do
  case $line in
    'user '*) ;;
    *) continue ;;
  esac
  rest=${line#user }
  user=${rest%% *}
  [ -f "$passwords/$user" ] || continue
  # $(cat) drops the line end that editors add
  hash=$(printf %s "$(cat "$passwords/$user")" | sha256sum)
  rules=$(printf '%s\n' "${rest#"$user"}" | tr -s ' ' | sed "s/~rag:/~$namespace:/g")
  printf 'user %s on resetpass #%s%s\n' "$user" "${hash%% *}" "$rules"
done < "$template"
