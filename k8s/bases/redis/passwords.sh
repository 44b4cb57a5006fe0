#!/bin/sh
# Prints a Secret with a new random password for each of Redis's users, for once at the beginning:
#
#   sh k8s/bases/redis/passwords.sh | kubectl apply --namespace ragstream --filename -
#
# Applied again it changes all passwords: Redis and the workers must be restarted then.
set -eu
printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: redis-passwords\nstringData:\n  scaler-name: scaler\n'
for user in $(sed -n 's/^user \([a-z]*\) .*/\1/p' "$(dirname "$0")/users.acl"); do
  printf '  %s: "%s"\n' "$user" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
done
