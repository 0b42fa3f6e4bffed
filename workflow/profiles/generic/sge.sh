#!/bin/sh
# Grid Engine for snakemake-executor-plugin-cluster-generic.
# sge.sh submit THREADS MEM_MB RUNTIME_MIN GPU LOG JOBSCRIPT   prints the job id
# sge.sh status JOB                                            prints running, success or failed
# sge.sh JOB...                                               cancels: the plugin gives ids alone
# QSUB_OPTIONS holds what the site wants besides: queue, project. Names of the parallel environment
# and of the GPU resource differ between sites: SGE_PE and SGE_GPU.
set -eu
case "$1" in
  submit)
    shift
    threads=$1 mem_mb=$2 runtime=$3 gpu=$4 log=$5 script=$6
    mkdir -p "$(dirname "$log")"
    # memory is asked for each slot
    set -- -pe "${SGE_PE:-smp}" "$threads" -l "h_vmem=$((mem_mb / threads))M" -l "h_rt=$((runtime * 60))"
    [ "$gpu" -eq 0 ] || set -- "$@" -l "${SGE_GPU:-gpu}=$gpu"
    # shellcheck disable=SC2086 # several words are meant
    qsub ${QSUB_OPTIONS:-} -terse -V -cwd -j y -o "$log" "$@" "$script"
    ;;
  status)
    if qstat -j "$2" > /dev/null 2>&1; then
      echo running
    elif qacct -j "$2" 2> /dev/null | grep -q '^exit_status *0 *$' &&
      qacct -j "$2" | grep -q '^failed *0'; then
      echo success
    elif qacct -j "$2" > /dev/null 2>&1; then
      echo failed
    else
      echo running # ended, and not in the accounting yet
    fi
    ;;
  *) qdel "$@" ;;
esac
