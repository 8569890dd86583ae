# shellcheck shell=sh disable=SC2154,SC2016 # transfer.py says what arrived, which another shell reads
# In one go and under the lock that the ledger's own writers take, where the machine has `flock`.
set -e
cd "$HOME/$root/workspace"
export arrived
add='if [ -s ledger.jsonl ] && [ -n "$(tail -c 1 ledger.jsonl)" ]; then echo >> ledger.jsonl; fi
gzip -dc "$arrived" >> ledger.jsonl'
touch ledger.jsonl
if command -v flock > /dev/null; then flock ledger.jsonl sh -c "$add"; else sh -c "$add"; fi
rm -f "$arrived"
