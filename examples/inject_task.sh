#!/bin/sh
# Hands a task to a session that is running, and waits until it is done.
#
#   examples/inject_task.sh PEER "what is to be done"
set -eu

peer="$1"
what="$2"

swarm join --name "inject-task-$$" --quiet >/dev/null
SWARM_PEER="inject-task-$$"
export SWARM_PEER
trap 'swarm leave --quiet >/dev/null' EXIT

task=$(swarm tasks delegate "$what" --to "$peer" --json | sed 's/.*"id":\([0-9]*\).*/\1/')
echo "task $task waits for $peer"

# Each step of the task comes as a message.
while swarm inbox --wait 600; do
  case $(swarm tasks list --role assigner --json | grep "\"id\":$task,") in
    *'"state":"completed"'*) exit 0 ;;
    *'"state":"rejected"'*) exit 1 ;;
  esac
done
echo "nothing was heard of task $task for ten minutes" >&2
exit 3
