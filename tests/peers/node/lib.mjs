// What the stock peers share: flags, JSON lines, an orderly end.

/** Reads `--name value` and `--name` into an object, beginning with defaults. Unknown flags end the program. */
export function flags(defaults) {
  const read = { ...defaults };
  const args = process.argv.slice(2);
  while (args.length > 0) {
    const name = args.shift().replace(/^--/, "").replaceAll("-", "_");
    if (!(name in defaults)) usage(defaults, name);
    const kind = typeof defaults[name];
    if (kind === "boolean") read[name] = true;
    else if (args.length === 0) usage(defaults, name);
    else read[name] = kind === "number" ? Number(args.shift()) : args.shift();
    if (Number.isNaN(read[name])) usage(defaults, name);
  }
  return read;
}

function usage(defaults, name) {
  const known = Object.keys(defaults).map((flag) => `--${flag.replaceAll("_", "-")}`);
  console.error(`bad flag: ${name}; there are ${known.join(" ")}`);
  process.exit(2);
}

/** Prints one JSON line. */
export function say(type, fields = {}) {
  process.stdout.write(`${JSON.stringify({ type, ...fields }, bytesAsHex)}\n`);
}

function bytesAsHex(_key, value) {
  // A Buffer's own toJSON has run before this sees it.
  const isBuffer = value?.type === "Buffer" && Array.isArray(value.data);
  return isBuffer ? { hex: Buffer.from(value.data).toString("hex") } : value;
}

/** Runs `end` once on SIGTERM or SIGINT. */
export function onSignal(end) {
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, end);
}

/** The value at a share of sorted samples. */
export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
