#!/usr/bin/env bash
# Ask a question with redis-cli and jq: `ask.sh QUESTION [COLLECTION]`; see README.md beside it.
set -euo pipefail
shopt -s inherit_errexit # a command that fails ends the script, inside $(…), too

timeout_s=${TIMEOUT_S:-120}
high_water=${HIGH_WATER:-20000}
names=${RAGSTREAM_NAMESPACE:-rag}
export REDISCLI_AUTH=${RAGSTREAM_REDIS_PASSWORD:-}

# Ends the script with a line for a person and an exit code for another script.
fail() {
    printf 'error: %s\n' "$1" >&2
    exit "$2"
}

# What Redis refuses, redis-cli prints as it would print a reply, and may exit with 0 all the same.
redis() {
    local reply
    reply=$(redis-cli -u "$RAGSTREAM_REDIS_URL" "$@" 2>&1) || true
    case ${reply%%$'\n'*} in
        "Could not connect"*) fail "Redis is away: $reply" 24 ;;
        "AUTH failed"* | WRONGPASS* | NOAUTH* | NOPERM*) fail "Redis does not let us in: $reply" 1 ;;
        [A-Z]*\ *) fail "Redis: $reply" 1 ;;
    esac
    printf '%s\n' "$reply"
}

left_ms() { echo $(((timeout_s - SECONDS) * 1000)); } # SECONDS is bash's own, since it began

# Nothing that Redis accepted is ever dropped, so look whether every stage has room.
wait_for_room() {
    local stage waiting
    for stage in queries retrieve generate; do
        waiting=$(redis XLEN "$names:$stage")
        while ((waiting >= high_water)); do
            (($(left_ms) > 1000)) || fail "overloaded: too much waits already, try again later" 25
            echo "overloaded: again in 1 s" >&2
            sleep 1
            waiting=$(redis XLEN "$names:$stage")
        done
    done
}

# Publishes a question as plain fields and prints its id, which is its entry's.
publish() {
    redis XADD "$names:queries" '*' question "$1" collection "$2" \
        stream true deadline_ms "$(left_ms)" # past it nobody works on the question any more
}

# Shows the draft while it is written, on stderr; prints the checked answer, as JSON.
answer_of() {
    local read events last=0
    while (($(left_ms) > 0)); do
        read=$(redis XREAD BLOCK "$(left_ms)" STREAMS "$names:tokens:$1" "$last")
        events=$(grep '^{' <<<"$read") || break # nothing came
        last=$(grep -E '^[0-9]+-[0-9]+$' <<<"$read" | tail -n 1)
        jq -rj 'if .type == "started" then "\n(draft \(.attempt)) " else .text // "" end' \
            <<<"$events" >&2
        if jq -ec 'select(.type == "finished").answer' <<<"$events"; then
            echo >&2
            return
        fi
    done
    fail "no answer within $timeout_s s" 22
}

# Prints the answer and where each statement of it stands.
show() {
    jq -r 'select(.error) | "\(.status): \(.error.message) [\(.error.code)]"' <<<"$1" >&2
    jq -r '.text, (.citations[] |
        (if .title == "" then .document_id else .title end) as $title |
        (if .page then ", page \(.page)" else "" end) as $page |
        "[\(.marker)] \($title)\($page): \"\(.quote)\"")' <<<"$1"
}

if (($# > 2)) || [[ -z ${1:-} ]]; then fail "usage: ask.sh QUESTION [COLLECTION]" 2; fi
[[ -n ${RAGSTREAM_REDIS_URL:-} ]] ||
    fail 'RAGSTREAM_REDIS_URL is not set; for the local stack: eval "$(ragstream env)"' 2
for program in redis-cli jq; do
    command -v "$program" >/dev/null || fail "$program is missing: apt install redis-tools jq" 2
done

wait_for_room
id=$(publish "$1" "${2:-default}")
answer=$(answer_of "$id")
show "$answer"
case $(jq -r .status <<<"$answer") in
    answered | abstained) exit 0 ;;
    failed) exit 20 ;;
    *) exit 21 ;;
esac
