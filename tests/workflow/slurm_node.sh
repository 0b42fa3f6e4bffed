#!/usr/bin/env bash
# A Slurm of one node on loopback, without systemd, cgroups or accounting. Needs root.
# slurm_node.sh up FOLDER      start it; all its files are in FOLDER, and two links in /etc/slurm
# slurm_node.sh down FOLDER    stop exactly the daemons that `up` started
set -euo pipefail
ACTION=$1
FOLDER=$(mkdir -p "$2" && cd "$2" && pwd)

wait_for() {
  for _ in $(seq 300); do
    eval "$1" > /dev/null 2>&1 && return 0
    sleep 0.1
  done
  echo "Slurm did not start: $1" >&2
  tail -n 5 "$FOLDER"/*.log >&2 || true
  return 1
}

settings() {
  local host
  host=$(hostname -s)
  # More CPUs and memory than there are: the rules ask for what real patients need, the phantoms
  # use little of it. Memory is enforced by what a job really takes.
  cat > "$FOLDER/slurm.conf" << END
ClusterName=ricenet
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$FOLDER/munge/socket
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
SlurmctldPidFile=$FOLDER/slurmctld.pid
SlurmdPidFile=$FOLDER/slurmd.pid
SlurmctldLogFile=$FOLDER/slurmctld.log
SlurmdLogFile=$FOLDER/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=bf_interval=2,sched_min_interval=200000
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobRequeue=1
MinJobAge=86400
KillWait=5
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=256000 Gres=gpu:$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
  for i in $(seq "$(nproc)"); do
    : > "$FOLDER/gpu$i"
    echo "NodeName=$host Name=gpu File=$FOLDER/gpu$i"
  done > "$FOLDER/gres.conf"
}

link_settings() {
  # the plugin removes SLURM_CONF from the environment: Slurm must find its settings by itself
  mkdir -p /etc/slurm
  for name in slurm.conf gres.conf; do
    if [ -e "/etc/slurm/$name" ] && [ ! -L "/etc/slurm/$name" ]; then
      echo "/etc/slurm/$name belongs to a Slurm of this machine: nothing was started" >&2
      exit 1
    fi
    ln -sfn "$FOLDER/$name" "/etc/slurm/$name"
  done
}

up() {
  mkdir -p "$FOLDER"/{munge,state,spool}
  chmod 755 "$FOLDER" "$FOLDER/munge"
  settings
  link_settings
  (umask 077 && head -c 1024 /dev/urandom > "$FOLDER/munge/key")
  chown -R munge: "$FOLDER/munge"
  runuser -u munge -- munged --force --key-file="$FOLDER/munge/key" \
    --socket="$FOLDER/munge/socket" --pid-file="$FOLDER/munge/munged.pid" \
    --log-file="$FOLDER/munge/munged.log" --seed-file="$FOLDER/munge/seed"
  wait_for "munge -n --socket=$FOLDER/munge/socket"
  slurmctld
  wait_for "scontrol ping | grep -q UP"
  slurmd
  wait_for "sinfo -h -o %T | grep -q idle"
}

down() {
  for pidfile in "$FOLDER"/slurmd.pid "$FOLDER"/slurmctld.pid "$FOLDER"/munge/munged.pid; do
    [ -s "$pidfile" ] || continue
    pid=$(cat "$pidfile")
    [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = "$(basename "$pidfile" .pid)" ] || continue
    kill "$pid"
    for _ in $(seq 100); do
      kill -0 "$pid" 2> /dev/null || break
      sleep 0.1
    done
  done
  for name in slurm.conf gres.conf; do
    [ "$(readlink "/etc/slurm/$name")" != "$FOLDER/$name" ] || rm "/etc/slurm/$name"
  done
}

"$ACTION"
