#!/bin/bash
# Measures two ranks on two machines joined by a network of a given speed, next to the model of docs/mpi.md. The machines are network
# namespaces, the network is a virtual cable with a token bucket. Needs root, a build, Open MPI and iproute2.
#
#     bench/mpi/network.sh [RATE=1gbit] [CONFIGURATION=D] [SIDE=224] [BATCH=16] [MICRO-BATCH=4] [WIDTH=0.25] [STEPS=4] [ROUNDS=3]
set -eu
cd "$(dirname "$0")/../.."
rate=${1:-1gbit}
job=("${2:-D}" "${3:-224}" "${4:-16}" "${5:-4}" "${6:-0.25}" "${7:-4}" "${8:-3}")
shell=$(mktemp)
stop() {
  rm -f "$shell"
  for name in a b; do ip netns del "vgg-bench-$name" 2> /dev/null || true; done
}
trap stop EXIT
stop
for name in a b; do ip netns add "vgg-bench-$name"; done
ip link add vgg-bva type veth peer name vgg-bvb
for i in 1 2; do
  name=$([ $i = 1 ] && echo a || echo b)
  ip link set "vgg-bv$name" netns "vgg-bench-$name"
  ip -n "vgg-bench-$name" addr add "10.78.0.$i/24" dev "vgg-bv$name"
  ip -n "vgg-bench-$name" link set lo up
  ip -n "vgg-bench-$name" link set "vgg-bv$name" up
  ip netns exec "vgg-bench-$name" tc qdisc add dev "vgg-bv$name" root tbf rate "$rate" burst 512kb latency 50ms
done
cat > "$shell" << 'END'
#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
case $1 in 10.78.0.1) ns=vgg-bench-a; name=hosta;; *) ns=vgg-bench-b; name=hostb;; esac
shift
exec ip netns exec $ns unshare --uts sh -c 'hostname "$0"; exec sh -c "$*"' $name "$@"
END
chmod +x "$shell"
mpirun=(ip netns exec vgg-bench-a unshare --uts sh -c 'hostname hosta; exec "$@"' sh mpirun.openmpi --allow-run-as-root
  --bind-to none --mca plm_rsh_agent "$shell" --host 10.78.0.1:1,10.78.0.2:1 -n 2)
echo "two machines, $rate"
"${mpirun[@]}" "$(command -v node)" bench/mpi/sums.mjs 8
node bench/mpi/ranks.mjs "${job[@]}" 1,2 "${mpirun[@]}"
