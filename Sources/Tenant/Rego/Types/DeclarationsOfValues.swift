/// Functions on numbers, collections and types, as OPA declares them (v1/ast/builtins.go).
extension Declarations {
    static let values = """
        eq(any, any) boolean
        internal.member_2(any, any) boolean
        internal.member_3(any, any, any) boolean
        gt(x: any, y: any) result: boolean
        gte(x: any, y: any) result: boolean
        lt(x: any, y: any) result: boolean
        lte(x: any, y: any) result: boolean
        neq(x: any, y: any) result: boolean
        equal(x: any, y: any) result: boolean
        plus(x: number, y: number) z: number
        minus(x: any<number, set[any]>, y: any<number, set[any]>) z: any<number, set[any]>
        mul(x: number, y: number) z: number
        div(x: number, y: number) z: number
        rem(x: number, y: number) z: number
        round(x: number) y: number
        ceil(x: number) y: number
        floor(x: number) y: number
        abs(x: number) y: number
        bits.or(x: number, y: number) z: number
        bits.and(x: number, y: number) z: number
        bits.negate(x: number) z: number
        bits.xor(x: number, y: number) z: number
        bits.lsh(x: number, s: number) z: number
        bits.rsh(x: number, s: number) z: number
        and(x: set[any], y: set[any]) z: set[any]
        or(x: set[any], y: set[any]) z: set[any]
        intersection(xs: set[set[any]]) y: set[any]
        union(xs: set[set[any]]) y: set[any]
        set_diff(set[any], set[any]) set[any]
        count(collection: any<string, array[any], object[any: any], set[any]>) n: number
        sum(collection: any<array[number], set[number]>) n: number
        product(collection: any<array[number], set[number]>) n: number
        max(collection: any<array[any], set[any]>) n: any
        min(collection: any<array[any], set[any]>) n: any
        sort(collection: any<array[any], set[any]>) n: array[any]
        all(any<array[any], set[any]>) boolean
        any(any<array[any], set[any]>) boolean
        array.concat(x: array[any], y: array[any]) z: array[any]
        array.slice(arr: array[any], start: number, stop: number) slice: array[any]
        array.reverse(arr: array[any]) rev: array[any]
        to_number(x: any<null, boolean, number, string>) num: number
        cast_array(any) array[any]
        cast_set(any) set[any]
        cast_string(any) string
        cast_boolean(any) boolean
        cast_null(any) null
        cast_object(any) object[any: any]
        numbers.range(a: number, b: number) range: array[number]
        numbers.range_step(a: number, b: number, step: number) range: array[number]
        rand.intn(str: string, n: number) y: number
        is_number(x: any) result: boolean
        is_string(x: any) result: boolean
        is_boolean(x: any) result: boolean
        is_array(x: any) result: boolean
        is_set(x: any) result: boolean
        is_object(x: any) result: boolean
        is_null(x: any) result: boolean
        type_name(x: any) type: string
        walk(x: any) output: array<array[any], any>
        graph.reachable(graph: object[any: any<array[any], set[any]>], initial: any<array[any], set[any]>) output: set[any]
        graph.reachable_paths(graph: object[any: any<array[any], set[any]>], initial: any<array[any], set[any]>) output: set[array[any]]
        object.subset(super: any<array[any], object[any: any], set[any]>, sub: any<array[any], object[any: any], set[any]>) result: any
        object.union(a: object[any: any], b: object[any: any]) output: any
        object.union_n(objects: array[object[any: any]]) output: any
        object.remove(object: object[any: any], keys: any<array[any], object[any: any], set[any]>) output: any
        object.filter(object: object[any: any], keys: any<array[any], object[any: any], set[any]>) filtered: any
        object.get(object: object[any: any], key: any, default: any) value: any
        object.keys(object: object[any: any]) value: set[any]
        json.filter(object: object[any: any], paths: any<array[any<string, array[any]>], set[any<string, array[any]>]>) filtered: any
        json.remove(object: object[any: any], paths: any<array[any<string, array[any]>], set[any<string, array[any]>]>) output: any
        json.patch(object: any, patches: array[object<op: string, path: any>[any: any]]) output: any
        trace(note: string) result: boolean
        """
}
