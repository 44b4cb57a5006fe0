#!/bin/sh
# The tour: start the stack, ingest three documents, ask one question, stop the stack.
# Run it with `make demo`, or with ragstream on the PATH.
set -eu
cd "$(dirname "$0")/.."
export RAGSTREAM_STACK_DATA_DIR="${RAGSTREAM_STACK_DATA_DIR:-.ragstream/demo}"
question="Why must samples of different size be made comparable before species are counted?"

trap 'ragstream down' EXIT
trap 'exit 130' INT TERM # dash ends without its EXIT otherwise, and the stack would go on
ragstream up --detach
ragstream ingest examples/documents --collection demo --wait
answer=$(ragstream ask "$question" --collection demo)
trap - EXIT
ragstream down
printf '\n%s\n' "$answer"
printf '\nA paper of your own is next: docs/tutorial.md\n'
