// The manual of `stap`: stap(1) and `--help` are made from it. The language itself has its own reference.
import type { ProgramManual } from '@stapkit/pass/manual';
import { STAP_OPTIONS } from './stap-options.js';

export const stapManual: ProgramManual = {
  name: 'stap',
  section: 1,
  summary: 'look into a running Linux kernel and its programs by script',
  synopsis: [
    { words: '[options] FILE [ARGUMENTS]', help: 'Run script in file.' },
    { words: '[options] - [ARGUMENTS]', help: 'Run script on stdin.' },
    { words: '[options] -e SCRIPT [ARGUMENTS]', help: 'Run given script.' },
    { words: '[options] --from FILE.json', help: 'Go on from an intermediate result.' },
    { words: '[options] -l PROBE', help: 'List matching probes.' },
    { words: '[options] -L PROBE', help: 'List matching probes and local variables.' },
    { words: '[options] --dump-probe-types', help: 'List available probe types.' },
    { words: '[options] --dump-probe-aliases', help: 'List available probe aliases.' },
    { words: '[options] --dump-functions', help: 'List available functions.' },
    { words: 'explain [options] FILE|-e SCRIPT', help: 'Show where each probe point leads.' },
    { words: 'types [--ts|--json-schema] FILE|-e SCRIPT', help: 'Print the types of --json output.' },
    { words: 'completion bash|zsh', help: 'Print a completion script for the shell.' },
    { words: 'vm start|run|stop|status', help: 'Handle the embedded guest.' },
  ],
  options: STAP_OPTIONS,
  before: [
    {
      title: 'DESCRIPTION',
      paragraphs: [
        '`stap` takes a script that says where to look and what to do there, translates it to C, builds a kernel module, loads it and prints what it has to say, until the script calls exit(), the user interrupts it, or too much goes wrong. The script is the named FILE, standard input (`-`), or the text of `-e`.',
        'The language is SystemTap’s: probe points name events, handlers say what to do when they happen. `stap -l PROBE` tells which probe points there are; the manual pages probe::NAME(3stap), function::NAME(3stap) and tapset::NAME(3stap) describe the library.',
        'ARGUMENTS are the script’s: `$1`, `$2`, … stand for numbers and names, `@1`, `@2`, … for strings. Arguments that look like options stand behind `--`.',
        'A script can be a program of its own: its first line is then',
        ' #!/usr/bin/env stap',
      ],
    },
  ],
  after: [
    {
      title: 'PASSES',
      paragraphs: [
        'Pass 1 parses the script and those parts of the library that it names. Pass 2 looks up probe points, types and variables in the kernel’s own type information and, where there is some, in debug information. Pass 3 writes C. Pass 4 makes a module of it: the runtime is compiled once for each kernel, the script’s own part in some tens of milliseconds. Pass 5 runs it. `-v` prints a line for each. Passes 3 and 4 are spared where the cache has their results.',
      ],
    },
    {
      title: 'MONITOR',
      paragraphs: [
        'With `--monitor` the script’s output stands above a screen that tells the state of the run. Keys:',
        ' c    set all globals back to what they were at the start',
        ' s    sort the probes by another column',
        ' t    switch a probe off or on: its index is asked for',
        ' r    switch all probes on',
        ' p    switch all probes off',
        ' x    hide or show the screen',
        ' Tab  scroll the other window\n arrows, Page Up, Page Down, Home, End\n      scroll\n q    end the run',
      ],
    },
    {
      title: 'LIMITS',
      paragraphs: [
        'Limits that `-D NAME=VALUE` sets: MAXACTION, MAXACTION_INTERRUPTIBLE, MAXNESTING, MAXSTRINGLEN, MAXMAPENTRIES, MAXERRORS, MAXSKIPPED, INTERRUPTIBLE, MAXTRYLOCK, TRYLOCKDELAY, MAXBACKTRACE, MINSTACKSPACE, STP_OVERLOAD_INTERVAL, STP_OVERLOAD_THRESHOLD, STP_PROCFS_BUFSIZE.',
      ],
    },
    {
      title: 'SIGNALS',
      paragraphs: [
        'SIGINT (Ctrl-C), SIGTERM and SIGHUP end the run in good order: the end probes run, and their output comes. A second one does not wait for it. SIGQUIT (Ctrl-\\) detaches: the probes go on, and `staprun -A NAME` attaches again, in a guest `stap vm run staprun -A NAME`. A guest that was booted for the run alone ends with it: there the script ends as by SIGINT. SIGUSR2 goes on in the next output file.',
      ],
    },
    {
      title: 'EXIT STATUS',
      paragraphs: [
        '0 where the script ran, or came through the pass that `-p` names, or where a listing has something to list. 1 where anything failed, and with `--strict` where anything was lost. A run that is interrupted by Ctrl-C has succeeded. Before pass 5 a signal gives 128 and its number.',
      ],
    },
    {
      title: 'ENVIRONMENT',
      paragraphs: [
        '`SYSTEMTAP_DIR` is the folder of `rc` and `cache`, by default $HOME/.systemtap for the one and $XDG_CACHE_HOME/stapkit ($HOME/.cache/stapkit) for the other.',
        '`SYSTEMTAP_RELEASE` stands in for `-r`.',
        '`SYSTEMTAP_COLORS` holds colors as KEY=SGR, separated by colons; the keys are error, warning, source, caret and token. By default it is error=01;31:warning=00;33:source=00;34:caret=01:token=01; empty means no colors.',
        '`STAPKIT_GUEST` names the folder of a guest that is kept, for `--vm`.',
      ],
    },
    {
      title: 'FILES',
      paragraphs: [
        '`$SYSTEMTAP_DIR/rc` holds options, words as in a shell, that are read before those of the command line.',
        '`cache_mb_limit` and `cache_clean_interval_s` in the cache folder hold the size in MiB that the cache should keep to, 256 by default, and the seconds between two cleanings, 300 by default.',
      ],
    },
  ],
  seeAlso: ['staprun(8)', 'stap-merge(1)', 'stap-prep(1)'],
};
