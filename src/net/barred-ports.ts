/**
 * Ports at which services other than BitTorrent listen. No stranger may lead us to them. The maker of a torrent chooses
 * the 20 bytes of its info-hash and the path of its tracker, and may put line ends and commands there. A service that
 * reads lines skips the bytes that it does not know, and obeys the command.
 *
 * A barred port shuts out the BitTorrent clients that listen there. So each group below gives a reason for its ports.
 * The ports that clients take by habit (6881 to 6999, 51413) or by chance (32768 and above) stay free, and so do those
 * of trackers (80, 443, 451, 1337, 2710, 6969, 8080).
 */

/**
 * The ports that browsers bar: "port blocking" in the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking).
 */
const FETCH_BARS: readonly number[] = [
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/** Services that obey lines of text, or print or run the bytes that they get, for every host that reaches them. */
const OBEYS_LINES: readonly number[] = [
  // Stores: ZooKeeper, Redis with its other ports, memcached, Tarantool's console, Kyoto Tycoon.
  2181, 6379, 6380, 16379, 26379, 11211, 3301, 1978,
  // Queues: NATS, beanstalkd, Gearman.
  4222, 11300, 4730,
  // Figures and logs: Graphite, StatsD and its console, OpenTSDB, InfluxDB, Zabbix, Nagios, syslog over TLS.
  2003, 2004, 8125, 8126, 4242, 8086, 10050, 10051, 5666, 6514,
  // Mail: LMTP, another port of SMTP, content filters.
  24, 2525, 10024, 10025, 10026,
  // Consoles of telephone exchanges: Asterisk, FreeSWITCH.
  5038, 8021,
  // Printers.
  631, 9100, 9101, 9102,
  // Source and code: rsync, CVS, Subversion, Git, distcc, debuggers of Java, Android and Node.js, Erlang.
  873, 2401, 3690, 9418, 3632, 5005, 5037, 5555, 9229, 4369,
  // Debuggers that skip everything up to `$`, or up to the next line: gdb's stubs, OpenOCD, Chromium.
  1234, 2345, 4444, 9222,
  // ClamAV (`SHUTDOWN`), music (MPD), VLC's telnet, the control ports of Tor and of its browser.
  3310, 6600, 4212, 9051, 9151,
  // The rest of IRC, another port of telnet.
  6660, 6661, 6662, 6663, 6664, 2323,
];

/** Databases, and services that control machines: many of them trust their own network. */
const TRUSTS_ITS_NETWORK: readonly number[] = [
  // SQL Server, Oracle, MySQL, PostgreSQL, PgBouncer.
  1433, 1434, 1521, 3306, 5432, 6432,
  // Elasticsearch, Solr, CouchDB, MongoDB, Cassandra, Neo4j, Kafka, AMQP, MQTT.
  9200, 9300, 8983, 5984, 27017, 27018, 27019, 9042, 9160, 7474, 7687, 9092, 5672, 1883,
  // Docker, etcd, Consul, Kubernetes, Salt.
  2375, 2376, 2379, 2380, 8500, 6443, 10250, 10255, 4505, 4506,
  // Windows shares, the other displays of X11.
  445, 6001, 6002, 6003,
];

/** Services over UDP that answer every packet: IKE, RIP, SSDP, WS-Discovery, NAT-PMP, mDNS, LLMNR, CoAP. */
const ANSWERS_EVERY_PACKET: readonly number[] = [500, 520, 1900, 3702, 5350, 5351, 5353, 5355, 5683];

const BARRED: ReadonlySet<number> = new Set([
  ...FETCH_BARS,
  ...OBEYS_LINES,
  ...TRUSTS_ITS_NETWORK,
  ...ANSWERS_EVERY_PACKET,
]);

/**
 * Whether `port`, which a stranger named, belongs to a service that must get no bytes from us that a stranger chose.
 */
export function isBarredPort(port: number): boolean {
  return BARRED.has(port);
}
