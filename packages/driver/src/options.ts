// What the command line says, as plain data. `command-line.ts` makes it; everything else reads it.

/** The options of one `stap` run. */
export interface StapOptions {
  /** `-e` text, a script file's path, or `-` for standard input; undefined with --from and in listing mode. */
  readonly script?: { readonly kind: 'text'; readonly text: string } | { readonly kind: 'file'; readonly path: string };
  /** `-E`: more scripts, in order. */
  readonly extraScripts: readonly string[];
  /** What `$1 @1 …` stand for. */
  readonly scriptArguments: readonly string[];
  /** `-p`: the last pass to run. */
  readonly lastPass: 1 | 2 | 3 | 4 | 5;
  /** True where `-p` was given; `-r` of another kernel then does not lower it. */
  readonly lastPassGiven: boolean;
  /** `-v` and `--vp` added up, one number a pass. */
  readonly verbosity: readonly [number, number, number, number, number];
  /** `-k` */
  readonly keepTemporary: boolean;
  /** `-g` */
  readonly guru: boolean;
  /** `-u` */
  readonly unoptimized: boolean;
  /** `-w` */
  readonly suppressWarnings: boolean;
  /** `-W` */
  readonly warningsAreErrors: boolean;
  /** `-m` */
  readonly moduleName?: string;
  /** `-r`: a release, or a build tree's absolute path. */
  readonly release?: string;
  /** `-D`, NAME → text; a bare `-D NAME` is "1". */
  readonly defines: Readonly<Record<string, string>>;
  /** `-G`, NAME → text */
  readonly globals: Readonly<Record<string, string>>;
  /** `-B`: options for the kernel's own build, as written. */
  readonly makeOptions: readonly string[];
  /** `--modinfo`, as written */
  readonly modinfo: readonly string[];
  /** `--sign-module` */
  readonly signing?: { readonly key: string; readonly certificate: string };
  /** `-d`: kernel modules, programs and libraries, as written. */
  readonly objects: readonly string[];
  /** `-I` */
  readonly tapsetFolders: readonly string[];
  /** `-o` */
  readonly outputFile?: string;
  /** `-x` */
  readonly targetPid?: number;
  /** `--target-namespaces` */
  readonly namespacesPid?: number;
  /** `-c` */
  readonly command?: string;
  /** `-T`, seconds */
  readonly timeout?: number;
  /** `-F` */
  readonly flightRecorder: boolean;
  /** `-S SIZE[,N]`, as written */
  readonly rotate?: string;
  /** `-s`, megabytes a CPU */
  readonly bufferMegabytes?: number;
  /** `-b` */
  readonly bulk: boolean;
  /** `-t`: measure each handler. */
  readonly timing: boolean;
  /** `--monitor`: seconds between updates of the screen. */
  readonly monitor?: number;
  /** `--remote`, in order */
  readonly remotes: readonly string[];
  readonly remotePrefix: boolean;
  readonly downloadDebuginfo?: 'yes' | 'no' | 'ask' | number;
  readonly skipBadVariables: boolean;
  /** `--no-global-var-display` */
  readonly hideGlobals: boolean;
  readonly suppressHandlerErrors: boolean;
  /** No overload control, and MAXACTION is no limit; guru mode only. */
  readonly suppressTimeLimits: boolean;
  readonly disableCache: boolean;
  readonly poisonCache: boolean;
  readonly cleanCache: boolean;
  readonly privilege: 'stapusr' | 'stapsys' | 'stapdev';
  readonly compatible?: string;
  readonly color: 'auto' | 'always' | 'never';
  readonly json: boolean;
  readonly strict: boolean;
  /** `--vm`: run pass 5 in the embedded guest whatever the host can do. */
  readonly vm: boolean;
  /** `--debuginfo`: whether BTF alone, DWARF alone, or DWARF only for what BTF can't answer. */
  readonly debuginfo: 'auto' | 'btf' | 'dwarf';
  /** `--emit FILE`: write the last pass's IR as JSON. */
  readonly emit?: string;
  /** `--from FILE`: go on from an IR that --emit wrote. */
  readonly from?: string;
  /** `--tmpdir` */
  readonly temporaryFolder?: string;
  /** `-l` and `-L` */
  readonly list?: { readonly pattern: string; readonly withVariables: boolean };
  /** `--dump-after=NAME`: print this inner pass's result. */
  readonly dumpAfter?: string;
  /** `stap explain`: show where each probe point leads instead of running anything. */
  readonly explain: boolean;
  /** `stap types`: print the types of the rows that `--json` gives, instead of running anything. */
  readonly types?: 'ts' | 'json-schema';
  /** `--dump-probe-types` and its kin */
  readonly dump?: 'probe-types' | 'probe-aliases' | 'functions';
}
