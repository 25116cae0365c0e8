#!/bin/bash
# Grades a class in a Slurm job. It takes the arguments of `koans grade`:
#   sbatch docs/cluster/slurm.sh ../forks --seed 1234 --format html=class.html
#   sbatch --gres=gpu:2 docs/cluster/slurm.sh ../forks --seed 1234 --format html=class.html
#SBATCH --job-name=koans
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=04:00:00
set -eu
export KOANS_CERTIFICATES=${KOANS_CERTIFICATES:-$HOME/.koans-certificates}
[ -e "$KOANS_CERTIFICATES" ] || koans engine certificates "$KOANS_CERTIFICATES"
port=$((20000 + SLURM_JOB_ID % 10000)) # each job has its own
address=tls://$(hostname):$port

koans engine scheduler --port "$port" --dashboard off &
scheduler=$!
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
  koans engine worker "$address" -n "$SLURM_CPUS_PER_TASK" --gpus "${SLURM_GPUS_ON_NODE:-0}" &
workers=$!
# The workers end with the scheduler. What is left after 30 seconds, Slurm ends.
trap 'kill $scheduler; timeout 30 tail --pid=$workers -f /dev/null || true' EXIT
koans grade "$@" --on "$address"
