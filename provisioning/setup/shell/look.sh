# shellcheck shell=sh disable=SC2154 # jobs.py puts the words in front
# The lock is asked before the exit code: a job writes that first, and only then lets go.
if [ -f rc ]; then echo "state ended $(cat rc)"
elif [ "$held" = yes ]; then echo "state running"
else echo "state lost"; fi
tail -c +"$offset" log 2>/dev/null | head -c "$chunk"
