// Small programs compiled for the tests that confirm reality. Each is compiled once a run, into a folder that goes away.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const SAMPLE_C = `#include <string.h>
struct point { int x; unsigned flag : 3; union { long l; double d; }; char name[16]; };
enum color { RED, GREEN = 5, BLUE = -1 };
typedef struct point point_t;
static inline __attribute__((always_inline)) int twice(int v)
{
  int t = v * 2;
  return t + 1;
}
static __attribute__((noipa)) int helper(struct point *p, enum color c)
{
  int k = twice(p->x);
  for (int i = 0; i < k; i++) {
    volatile int q = i * c;
    k += q;
  }
  return k;
}
int global_counter = 3;
int main(int argc, char **argv)
{
  point_t p = { .x = argc };
  strcpy(p.name, argv[0][0] ? "a" : "b");
  return helper(&p, GREEN) + twice(argc) + global_counter;
}
`;

export const SAMPLE_CPP = `namespace shapes {
template <typename T> struct Box { T value; int size() const; };
template <typename T> int Box<T>::size() const { return sizeof(T); }
class Circle { public: virtual ~Circle(); virtual double area(double r); };
Circle::~Circle() {}
double Circle::area(double r) { return r * r * 3.0; }
}
int main(int argc, char **argv) {
  shapes::Box<long> box{argc};
  shapes::Circle c;
  return box.size() + (int)c.area(box.value);
}
`;

/** A folder that the caller removes. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'stapkit-dwarf-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Compiles a source with gcc or g++ and returns the output's path. */
export function compile(
  folder: string,
  name: string,
  flags: readonly string[],
  source = SAMPLE_C,
  compiler = 'gcc',
): string {
  const file = join(folder, compiler === 'g++' ? 'sample.cc' : 'sample.c');
  writeFileSync(file, source);
  const output = join(folder, name);
  execFileSync(compiler, ['-g', ...flags, file, '-o', output], { stdio: ['ignore', 'ignore', 'inherit'] });
  return output;
}
