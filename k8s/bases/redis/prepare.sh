#!/bin/sh
# Writes what Redis reads besides redis.conf, before it starts: its users, and whether it is a copy.
#
#   prepare.sh PASSWORDS_FOLDER FOLDER
#
# Who is not named REDIS_PRIMARY copies who is, whom the service `redis` stands for. With
# MIN_REPLICAS=1 the primary refuses to write what no copy would have within 10 s.
set -eu
umask 077
passwords=$1
folder=$2
here=$(dirname "$0")
sh "$here/render-users.sh" "$here/users.acl" "$passwords" > "$folder/users.acl"
{
  printf 'min-replicas-to-write %s\nmin-replicas-max-lag 10\n' "${MIN_REPLICAS:-0}"
  [ "$(uname -n)" = "$REDIS_PRIMARY" ] ||
    printf 'replicaof redis 6379\nmasteruser replica\nmasterauth "%s"\n' "$(cat "$passwords/replica")"
} > "$folder/role.conf"
