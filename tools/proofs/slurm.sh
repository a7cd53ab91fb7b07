#!/bin/bash
# Shows that Slurm starts ranks of both MPIs, that SIGTERM saves, and that the requeued job continues to the bytes of one
# rank; the same bytes of evaluate and paper. Needs root, a build, the addon of @vgg/mpi, and `apt-get install slurm-wlm munge`. Slurm and its files are in a
# temporary folder: one machine that is controller and node.
#
#     tools/proofs/slurm.sh
set -eu
repository=$(cd "$(dirname "$0")/../.." && pwd)
home=$(mktemp -d)
chmod 711 "$home"
cd "$home"
mkdir state spool
host=$(hostname -s)
export SLURM_CONF=$home/slurm.conf VGG_ONEDNN_THREADS=1 XDG_CACHE_HOME=$home/cache
cat > slurm.conf <<END
ClusterName=proof
SlurmctldHost=$host
AuthType=auth/munge
AuthInfo=socket=$home/munge.socket,cred_expire=5
SlurmUser=root
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmctldLogFile=$home/slurmctld.log
SlurmdLogFile=$home/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName=$host CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
END
stop() {
  scancel --full --user=root 2> /dev/null || true
  for name in slurmd slurmctld munged; do [ ! -e $name.pid ] || kill "$(cat $name.pid)" || true; done
  sleep 2
  cd / && rm -rf "$home"
}
trap stop EXIT
dd if=/dev/urandom of=key bs=128 count=1 status=none
chmod 600 key
munged --key-file="$home/key" --socket="$home/munge.socket" --pid-file="$home/munged.pid" --log-file="$home/munged.log" \
  --seed-file="$home/seed"
slurmctld
slurmd

cat > images.mjs <<END
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
const sharp = createRequire('$repository/apps/trainer/package.json')('sharp');
for (const [c, name] of ['a', 'b', 'c'].entries()) {
  mkdirSync('data/' + name, { recursive: true });
  for (let i = 0; i < 32; i++) {
    const pixels = Buffer.from(Array.from({ length: 40 * 40 * 3 }, (_, k) => (k * (i + 3) * 7919) % 150 + 40 * c));
    await sharp(pixels, { raw: { width: 40, height: 40, channels: 3 } }).jpeg().toFile('data/' + name + '/' + i + '.jpg');
  }
}
END
node images.mjs
recipe="--data $home/data --config A --width 0.125 --input 32 --batch 24 --micro-batch 4 --epochs 4 --workers 1 \
  --engine onednn-float32 --checkpoint-every 1"
trainer="node $repository/apps/trainer/dist/cli.js"
evaluate="evaluate $home/alone --split all --protocol all --engine onednn-float32 --json"
study="--data $home/data --configs A --scales 256 --seeds 1 --width 0.0625 --input 32 --batch 24 --micro-batch 4 --epochs 3 \
  --budget 1h --workers 1 --engine onednn-float32"
$trainer train $recipe --out alone > /dev/null 2> alone.log || { cat alone.log; exit 1; }
$trainer $evaluate > alone.json 2> alone.log || { cat alone.log; exit 1; }
$trainer paper $study --out study > /dev/null 2> alone.log || { cat alone.log; exit 1; }

failed=0
for mpi in pmix pmi2; do
  cat > job.sh <<END
#!/bin/bash
#SBATCH --ntasks=2 --overcommit --requeue --open-mode=append --output=$home/$mpi.log
words="--resume $home/$mpi"
[ -e $home/$mpi/run.json ] || words="$recipe --out $home/$mpi"
srun --overcommit --mpi=$mpi --cpu-bind=none $trainer train \$words
code=\$?
echo "srun ended with \$code"
[ \$code -ne 143 ] || scontrol requeue \$SLURM_JOB_ID
exit \$code
END
  job=$(sbatch --parsable job.sh)
  until grep -q 'epoch 1/' $mpi.log 2> /dev/null; do sleep 0.2; done
  scancel --signal=TERM "$job"
  for _ in $(seq 240); do
    grep -q 'srun ended with 0' $mpi.log && break
    sleep 1
  done
  if grep -q 'saved after step' $mpi.log && grep -q 'srun ended with 143' $mpi.log &&
    cmp alone/model.safetensors $mpi/model.safetensors; then
    echo "ok     srun --mpi=$mpi: SIGTERM saves, the requeued job continues to the bytes of one rank"
  else
    echo "FAILED srun --mpi=$mpi"
    cat $mpi.log
    failed=1
  fi
  ranks="srun --ntasks=2 --overcommit --mpi=$mpi --cpu-bind=none $trainer"
  $ranks $evaluate > $mpi.json 2> $mpi-evaluate.log && $ranks paper $study --out study-$mpi > $mpi.out 2> $mpi-paper.log || true
  if cmp alone.json $mpi.json && cmp {study,study-$mpi}/nets/A-256/posteriors.safetensors &&
    cmp {study,study-$mpi}/nets/A-256/model.safetensors; then
    echo "ok     srun --mpi=$mpi: evaluate and paper by 2 ranks, the bytes of one"
  else
    echo "FAILED srun --mpi=$mpi: evaluate or paper"
    cat $mpi-*.log
    failed=1
  fi
done
exit $failed
