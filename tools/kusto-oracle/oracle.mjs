// What Microsoft's own Kusto language service says about queries.
//
//   node oracle.mjs REPOSITORY < queries.jsonl > findings.jsonl
//
// Reads one JSON object a line, {"id": any, "text": string, "syntaxOnly": bool},
// and answers each with one line, in order:
//
//   {"id", "diagnostics": [{"code", "severity", "message", "start", "length"}]}
//
// start and length count UTF-16 units of the text. Every diagnostic of the
// service is reported; deciding which of them matter is the caller's business.
// With syntaxOnly the names are not resolved.
//
//   node oracle.mjs REPOSITORY --keywords
//
// writes the words that mean something to the service's parser, as a JSON list.
//
// The tables are those of REPOSITORY/schema/catalog/xdr. The service knows
// Kusto but not Defender XDR, so that the functions which Defender adds are
// declared below, with the columns that Microsoft's reference lists for them.

import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
// The bundle is compiled C#: bridge.js puts its runtime into globals, the
// second file adds the namespace Kusto.
require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
const { KustoCode, GlobalState, Symbols, Syntax } = globalThis.Kusto.Language;

// Name, parameters, body. A body only has to give the right columns.
const functions = [
  ['FileProfile', '(T:(*), x:string="SHA1", y:long=100)', `{
    T
    | extend SHA1 = column_ifexists("SHA1", ""), SHA256 = column_ifexists("SHA256", ""), MD5 = column_ifexists("MD5", ""),
        FileSize = column_ifexists("FileSize", long(0)), GlobalPrevalence = int(null), GlobalFirstSeen = datetime(null),
        GlobalLastSeen = datetime(null), Signer = "", Issuer = "", SignerHash = "", IsCertificateValid = bool(null),
        IsRootSignerMicrosoft = bool(null), SignatureState = "", IsExecutable = bool(null), ThreatName = "",
        Publisher = "", SoftwareName = "", ProfileAvailability = ""
  }`],
  ['SeenBy', '(T:(*), x:string="")', '{ T | project DeviceId = tostring(column_ifexists("DeviceId", "")) }'],
  ['DeviceFromIP', '(T:(*), x:string="", y:datetime=datetime(null))', '{ T | project IP = tostring(column_ifexists("IP", "")), DeviceId = "" }'],
  ['AssignedIPAddresses', '(x:string, y:datetime=datetime(null))',
    '{ datatable(Timestamp:datetime, IPAddress:string, IPType:string, NetworkAdapterType:int, ConnectedNetworks:int) [] }'],
];

function database(repository) {
  const folder = join(repository, 'schema', 'catalog', 'xdr');
  const members = [];
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.json')) continue;
    const { name, columns } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const schema = Object.keys(columns).map((column) => `['${column}']:${columns[column].type}`);
    members.push(new Symbols.TableSymbol.$ctor7(name, `(${schema.join(', ')})`, null));
  }
  if (members.length === 0) throw new Error(`no tables in ${folder}`);
  for (const [name, parameters, body] of functions) {
    members.push(new Symbols.FunctionSymbol.$ctor16(name, parameters, body, null));
  }
  return new Symbols.DatabaseSymbol.ctor('defender', members);
}

function diagnose(globals, { text, syntaxOnly }) {
  const code = syntaxOnly ? KustoCode.Parse(text, globals) : KustoCode.ParseAndAnalyze(text, globals);
  const found = code.GetDiagnostics();
  const out = [];
  for (let i = 0; i < found.Count; i++) {
    const d = found.getItem(i);
    out.push({ code: d.Code, severity: d.Severity.toLowerCase(), message: d.Message, start: d.Start, length: d.Length });
  }
  return out;
}

function keywords() {
  const words = new Set();
  for (const kind of Object.values(Syntax.SyntaxKind)) {
    const text = typeof kind === 'number' ? Syntax.SyntaxFacts.GetText(kind) : null;
    if (text && /^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) words.add(text);
  }
  return [...words].sort();
}

const [repository, option] = process.argv.slice(2);
if (repository === undefined || process.argv.length > 4 || (option !== undefined && option !== '--keywords')) {
  process.stderr.write('usage: node oracle.mjs REPOSITORY [--keywords] < queries.jsonl\n');
  process.exit(2);
}
if (option === '--keywords') {
  process.stdout.write(JSON.stringify(keywords()) + '\n');
  process.exit(0);
}
const globals = GlobalState.Default.WithDatabase(database(repository));

// One write for many lines; stdout may be a pipe, which can take part of it.
let pending = '';
function flush() {
  let bytes = Buffer.from(pending);
  pending = '';
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

for (const line of readFileSync(0, 'utf8').split('\n')) {
  if (line === '') continue;
  const query = JSON.parse(line);
  pending += JSON.stringify({ id: query.id, diagnostics: diagnose(globals, query) }) + '\n';
  if (pending.length > 1 << 16) flush();
}
flush();
