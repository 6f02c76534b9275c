/// Functions on text, time and addresses, as OPA declares them (v1/ast/builtins.go).
extension Declarations {
    static let strings = """
        regex.match(pattern: string, value: string) result: boolean
        re_match(string, string) boolean
        regex.is_valid(pattern: string) result: boolean
        regex.find_all_string_submatch_n(pattern: string, value: string, number: number) output: array[array[string]]
        regex.template_match(template: string, value: string, delimiter_start: string, delimiter_end: string) result: boolean
        regex.split(pattern: string, value: string) output: array[string]
        regex.find_n(pattern: string, value: string, number: number) output: array[string]
        regex.globs_match(glob1: string, glob2: string) result: boolean
        regex.replace(s: string, pattern: string, value: string) output: string
        strings.any_prefix_match(search: any<string, array[string], set[string]>, base: any<string, array[string], set[string]>) result: boolean
        strings.any_suffix_match(search: any<string, array[string], set[string]>, base: any<string, array[string], set[string]>) result: boolean
        concat(delimiter: string, collection: any<array[string], set[string]>) output: string
        format_int(number: number, base: number) output: string
        indexof(haystack: string, needle: string) output: number
        indexof_n(haystack: string, needle: string) output: array[number]
        substring(value: string, offset: number, length: number) output: string
        contains(haystack: string, needle: string) result: boolean
        strings.count(search: string, substring: string) output: number
        startswith(search: string, base: string) result: boolean
        endswith(search: string, base: string) result: boolean
        lower(x: string) y: string
        upper(x: string) y: string
        split(x: string, delimiter: string) ys: array[string]
        replace(x: string, old: string, new: string) y: string
        strings.replace_n(patterns: object[string: string], value: string) output: string
        trim(value: string, cutset: string) output: string
        trim_left(value: string, cutset: string) output: string
        trim_prefix(value: string, prefix: string) output: string
        trim_right(value: string, cutset: string) output: string
        trim_suffix(value: string, suffix: string) output: string
        trim_space(value: string) output: string
        sprintf(format: string, values: array[any]) output: string
        strings.reverse(x: string) y: string
        strings.render_template(value: string, vars: object[string: any]) result: string
        units.parse(x: string) y: number
        units.parse_bytes(x: string) y: number
        uuid.rfc4122(k: string) output: string
        uuid.parse(uuid: string) result: object[string: any]
        semver.is_valid(vsn: any) result: boolean
        semver.compare(a: string, b: string) result: number
        glob.match(pattern: string, delimiters: any<null, array[string]>, match: string) result: boolean
        glob.quote_meta(pattern: string) output: string
        net.cidr_intersects(cidr1: string, cidr2: string) result: boolean
        net.cidr_expand(cidr: string) hosts: set[string]
        net.cidr_contains(cidr: string, cidr_or_ip: string) result: boolean
        net.cidr_overlap(string, string) boolean
        net.cidr_contains_matches(cidrs: any<string, array[any<string, array[any]>], object[string: any<string, array[any]>], set[any<string, array[any]>]>, cidrs_or_ips: any<string, array[any<string, array[any]>], object[string: any<string, array[any]>], set[any<string, array[any]>]>) output: set[array<any, any>]
        net.cidr_merge(addrs: any<array[any<string>], set[string]>) output: set[string]
        net.cidr_is_valid(cidr: string) result: boolean
        time.now_ns() now: number
        time.parse_ns(layout: string, value: string) ns: number
        time.parse_rfc3339_ns(value: string) ns: number
        time.parse_duration_ns(duration: string) ns: number
        time.format(x: any<number, array<number, string>, array<number, string, string>>) formatted timestamp: string
        time.date(x: any<number, array<number, string>>) date: array<number, number, number>
        time.clock(x: any<number, array<number, string>>) output: array<number, number, number>
        time.weekday(x: any<number, array<number, string>>) day: string
        time.add_date(ns: number, years: number, months: number, days: number) output: number
        time.diff(ns1: any<number, array<number, string>>, ns2: any<number, array<number, string>>) output: array<number, number, number, number, number, number>
        """
}
