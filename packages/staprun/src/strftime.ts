// strftime(3) for the names of output files.

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/**
 * Formats a time, local, in the C locale.
 *
 * @param format text with the conversions of strftime(3); unknown ones stay as they are
 */
export function strftime(format: string, time: Date): string {
  return format.replace(/%[EO_0^#-]?([%A-Za-z])/g, (whole, conversion: string) => convert(conversion, time) ?? whole);
}

function convert(conversion: string, time: Date): string | undefined {
  const two = (value: number, fill = '0'): string => String(value).padStart(2, fill);
  const year = time.getFullYear();
  const hour12 = time.getHours() % 12 || 12;
  const day = time.getDay();
  const yearDay = dayOfYear(time);
  switch (conversion) {
    case 'a':
      return DAYS[day]!.slice(0, 3);
    case 'A':
      return DAYS[day];
    case 'b':
    case 'h':
      return MONTHS[time.getMonth()]!.slice(0, 3);
    case 'B':
      return MONTHS[time.getMonth()];
    case 'c':
      return strftime('%a %b %e %H:%M:%S %Y', time);
    case 'C':
      return two(Math.floor(year / 100));
    case 'd':
      return two(time.getDate());
    case 'D':
    case 'x':
      return strftime('%m/%d/%y', time);
    case 'e':
      return two(time.getDate(), ' ');
    case 'F':
      return strftime('%Y-%m-%d', time);
    case 'g':
      return two(isoWeek(time).year % 100);
    case 'G':
      return String(isoWeek(time).year);
    case 'H':
      return two(time.getHours());
    case 'I':
      return two(hour12);
    case 'j':
      return String(yearDay).padStart(3, '0');
    case 'k':
      return two(time.getHours(), ' ');
    case 'l':
      return two(hour12, ' ');
    case 'm':
      return two(time.getMonth() + 1);
    case 'M':
      return two(time.getMinutes());
    case 'n':
      return '\n';
    case 'p':
      return time.getHours() < 12 ? 'AM' : 'PM';
    case 'P':
      return time.getHours() < 12 ? 'am' : 'pm';
    case 'r':
      return strftime('%I:%M:%S %p', time);
    case 'R':
      return strftime('%H:%M', time);
    case 's':
      return String(Math.floor(time.getTime() / 1000));
    case 'S':
      return two(time.getSeconds());
    case 't':
      return '\t';
    case 'T':
    case 'X':
      return strftime('%H:%M:%S', time);
    case 'u':
      return String(day || 7);
    case 'U':
      return two(Math.floor((yearDay + 6 - day) / 7));
    case 'V':
      return two(isoWeek(time).week);
    case 'w':
      return String(day);
    case 'W':
      return two(Math.floor((yearDay + 6 - ((day + 6) % 7)) / 7));
    case 'y':
      return two(year % 100);
    case 'Y':
      return String(year);
    case 'z':
      return zoneOffset(time);
    case 'Z':
      return zoneName(time);
    case '%':
      return '%';
    default:
      return undefined;
  }
}

/** 1 to 366. Counted in UTC, so that a change of daylight saving time does not disturb it. */
function dayOfYear(time: Date): number {
  const today = Date.UTC(time.getFullYear(), time.getMonth(), time.getDate());
  return (today - Date.UTC(time.getFullYear(), 0, 1)) / 86_400_000 + 1;
}

/** ISO 8601: a week belongs to the year that its Thursday is in. */
function isoWeek(time: Date): { year: number; week: number } {
  const thursday = new Date(time.getFullYear(), time.getMonth(), time.getDate() + 4 - (time.getDay() || 7));
  return { year: thursday.getFullYear(), week: Math.floor((dayOfYear(thursday) - 1) / 7) + 1 };
}

function zoneOffset(time: Date): string {
  const offset = -time.getTimezoneOffset();
  const minutes = Math.abs(offset);
  const text = `${String(Math.floor(minutes / 60)).padStart(2, '0')}${String(minutes % 60).padStart(2, '0')}`;
  return `${offset < 0 ? '-' : '+'}${text}`;
}

function zoneName(time: Date): string {
  const part = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
    .formatToParts(time)
    .find((entry) => entry.type === 'timeZoneName');
  return part?.value ?? '';
}
