"""Honest answers to some koans, written by hand by different routes, for classes that are made up.

Each function of a koan has several routes: really different ways to compute the result. In a route, `{{a||b||c}}` is a
place where people write one thing or the other; what most people write stands first. A letter in front, `{{w:a||b}}`,
says that it is a habit, which a student keeps through all koans. `$name` is a variable, which every student names as
they like. So two students with the same route at random still differ in several places, and for a short koan many
write the same.

Habits: e: einsum or @; w: masked_fill or torch.where; r: rsqrt or division by a root; c: one expression or a loop;
s: x ** 2, x * x or square; k: how an axis is kept; t: how a dtype is changed; m: method or function.
"""

# The names that students give to variables, by the name in the routes.
NAMES = {
    "wide": ("wide", "x32", "xf", "x_float", "scores", "data", "t"),
    "top": ("top", "m", "mx", "row_max", "biggest", "peak_value"),
    "e": ("e", "ex", "weights", "exps", "numer", "shifted_exp"),
    "total": ("total", "s", "denom", "z", "sum_", "norm_const"),
    "out": ("out", "result", "res", "ret", "answer", "y"),
    "i": ("i", "idx", "pos", "n", "at"),
    "j": ("j", "jj", "col", "key_pos"),
    "mean": ("mean", "mu", "avg", "m1", "center"),
    "var": ("var", "variance", "v", "sq", "second_moment"),
    "a": ("a", "first", "left", "lhs", "u1"),
    "b": ("b", "second", "right", "rhs", "u2"),
    "c": ("c", "third", "scale", "factor", "coef"),
    "d": ("d", "width", "dim_", "head_dim", "size"),
    "count": ("count", "counts", "freq", "tally", "c", "seen"),
    "pair": ("pair", "p", "pr", "both", "candidate"),
    "step": ("step_", "acc", "stride", "running", "prod"),
    "n": ("n", "length", "size", "dim_len", "num"),
    "keep": ("keep", "mask", "kept", "inside", "allowed"),
    "ids": ("ids_", "order", "index", "idxs", "perm"),
    "ranked": ("ranked", "sorted_p", "sp", "vals", "desc"),
    "before": ("before", "cum", "cumulative", "running_sum", "acc"),
    "pick": ("pick", "chosen", "target_logit", "of_target", "correct"),
    "g": ("g_", "grad", "gf", "gradient", "gr"),
}

# A comment that a student may put above a line. None is about what the line does in one route only.
COMMENTS = (
    *(
        "# upcast first",
        "# see the docstring",
        "# TODO: check the shape",
        "# careful with dtype",
        "# as in the lecture",
    ),
    *(
        "# edge case",
        "# this took me a while",
        "# round once at the end",
        "# works for any batch",
        "# numerically safe",
    ),
)

CAST = "{{t:$x.float()||$x.to(torch.float32)||$x.to(dtype=torch.float32)||$x.type(torch.float32)}}"


def _cast(name: str) -> str:
    return CAST.replace("$x", name)


ROUTES: dict[tuple[str, str], tuple[str, ...]] = {
    ("ch01_tensors/l2_norm", "l2_norm"): (
        f"""
$wide = {_cast("u")}
return {{{{m:torch.sqrt(($wide * $wide).sum())||($wide * $wide).sum().sqrt()||torch.sum($wide ** 2).sqrt()}}}}.to(u.dtype)
""",
        f"""
$wide = {_cast("u")}
$total = {{{{s:($wide ** 2).sum()||torch.square($wide).sum()||torch.dot($wide, $wide)||$wide.pow(2).sum()}}}}
return {{{{$total ** 0.5||torch.sqrt($total)||$total.sqrt()}}}}.to(u.dtype)
""",
        f"""
return torch.linalg.{{{{norm||vector_norm}}}}({_cast("u")}).to(u.dtype)
""",
        """
$total = torch.zeros(())
for $a in u{{||.float()||.unbind()}}:
    $total {{= $total + ||+= }}$a.float() {{** 2||* $a.float()}}
return torch.sqrt($total).to(u.dtype)
""",
        f"""
$wide = {_cast("u")}
return torch.einsum("i,i->", $wide, $wide).{{{{sqrt()||pow(0.5)}}}}.to(u.dtype)
""",
    ),
    ("ch01_tensors/row_major_strides", "row_major_strides"): (
        """
$out = []
$step = 1
for $n in reversed(shape):
    $out.append($step)
    $step *= $n
return tuple({{reversed($out)||$out[::-1]}})
""",
        """
$out = [1] * len(shape)
for $i in range(len(shape) - 2, -1, -1):
    $out[$i] = {{$out[$i + 1] * shape[$i + 1]||shape[$i + 1] * $out[$i + 1]}}
return tuple($out)
""",
        """
return tuple({{math.prod(shape[$i + 1:]) for $i in range(len(shape))||math.prod(shape[$i:]) for $i in range(1, len(shape) + 1)}})
""",
        """
$out = ()
$step = 1
for $n in {{shape[::-1]||reversed(shape)}}:
    $out = ($step,) + $out
    $step = $step * $n
return $out
""",
        """
$out = []
for $i{{, _ in enumerate(shape)|| in range(len(shape))}}:
    $step = 1
    for $n in shape[$i + 1:]:
        $step *= $n
    $out.append($step)
return tuple($out)
""",
        """
if not shape:
    return ()
$out = [1]
for $n in shape[{{:0:-1||1:][::-1}}]:
    $out.{{insert(0, $out[0] * $n)||insert(0, $n * $out[0])}}
return tuple($out)
""",
    ),
    ("ch07_attention/scores", "scores"): (
        f"""
if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
    raise ValueError("q and k differ")
$out = {{{{e:torch.einsum("bhqd,bhkd->bhqk", {_cast("q")}, {_cast("k")})||{_cast("q")} @ {_cast("k")}.{{{{mT||transpose(-1, -2)||transpose(2, 3)}}}}||torch.matmul({_cast("q")}, {_cast("k")}.transpose(-2, -1))}}}}
return ($out {{{{/ q.shape[-1] ** 0.5||/ math.sqrt(q.shape[-1])||* q.shape[-1] ** -0.5||/ math.sqrt(q.size(3))}}}}).to(q.dtype)
""",
        f"""
$d = q.shape[{{{{-1||3}}}}]
if {{{{q.shape[0] != k.shape[0] or q.shape[1] != k.shape[1] or $d != k.shape[3]||(*q.shape[:2], $d) != (*k.shape[:2], k.shape[-1])||not (q.shape[:2] == k.shape[:2] and $d == k.shape[-1])}}}}:
    raise ValueError(f"shapes {{{{q.shape||$d}}}}")
$a = {_cast("q")} {{{{/ math.sqrt($d)||* $d ** -0.5||/ $d ** 0.5}}}}
return {{{{e:torch.einsum("bhid,bhjd->bhij", $a, {_cast("k")})||($a @ {_cast("k")}.mT)}}}}.to(q.dtype)
""",
        f"""
b, h, n, $d = q.shape
b2, h2, n2, d2 = k.shape
if {{{{(b, h, $d) != (b2, h2, d2)||b != b2 or h != h2 or $d != d2||$d != d2 or h != h2 or b != b2}}}}:
    raise ValueError
$a = {_cast("q")}.reshape(b * h, n, $d)
$b = {_cast("k")}.reshape(b * h, n2, $d)
$out = torch.bmm($a, $b.transpose(1, 2)) / {{{{math.sqrt($d)||$d ** 0.5}}}}
return $out.{{{{reshape||view}}}}(b, h, n, n2).to(q.dtype)
""",
        f"""
if q.shape[:2] != k.shape[:2] or q.shape[-1] != k.shape[-1]:
    raise ValueError("batch, heads and width must agree")
$a, $b = {_cast("q")}, {_cast("k")}
$out = ($a{{{{.unsqueeze(3)||[:, :, :, None, :]||.unsqueeze(-2)}}}} * $b{{{{.unsqueeze(2)||[:, :, None, :, :]||.unsqueeze(-3)}}}}).sum(-1)
return ($out {{{{* q.shape[-1] ** -0.5||/ q.shape[-1] ** 0.5}}}}).to(q.dtype)
""",
    ),
    ("ch07_attention/causal_mask", "causal_mask"): (
        """
$i = torch.arange(n_q){{k:.unsqueeze(1)||[:, None]||.view(-1, 1)}}
$j = torch.arange(n_k){{k:.unsqueeze(0)||[None, :]||.view(1, -1)}}
return {{w:torch.zeros(n_q, n_k).masked_fill($j > $i + n_k - n_q, {{-torch.inf||float("-inf")}})||torch.where($j <= $i + n_k - n_q, 0.0, -torch.inf)}}
""",
        """
$out = torch.full((n_q, n_k), {{float("-inf")||-torch.inf||-math.inf}})
return torch.triu($out, diagonal={{n_k - n_q + 1||1 + n_k - n_q||n_k + 1 - n_q}})
""",
        """
$out = torch.zeros(n_q, n_k)
for $i in range(n_q):
    for $j in range(n_k):
        if $j > $i + n_k - n_q:
            $out[$i, $j] = {{float("-inf")||-torch.inf}}
return $out
""",
        """
$keep = torch.ones(n_q, n_k, dtype=torch.bool).tril({{n_k - n_q||diagonal=n_k - n_q}})
return {{w:torch.zeros(n_q, n_k).masked_fill(~$keep, -torch.inf)||torch.where($keep, 0.0, float("-inf"))}}
""",
        """
$out = torch.zeros(n_q, n_k)
for $i in range(n_q):
    $out[$i, {{max(0, $i + n_k - n_q + 1)||max($i + 1 + n_k - n_q, 0)}}:] = -torch.inf
return $out
""",
    ),
    ("ch07_attention/split_heads", "split_heads"): (
        """
b, n, $d = x.shape
if $d % h:
    raise ValueError("h must divide d_model")
return x.{{reshape||view}}(b, n, h, $d // h).{{transpose(1, 2)||permute(0, 2, 1, 3)||swapaxes(1, 2)}}
""",
        """
$d = x.shape[-1]
if $d % h {{!= 0||> 0}}:
    raise ValueError(h)
return torch.stack({{x.chunk(h, dim=-1)||x.split($d // h, dim=-1)||torch.tensor_split(x, h, -1)}}, dim=1)
""",
        """
if x.{{shape[2]||size(-1)||shape[-1]}} % h != 0:
    raise ValueError(f"{h} does not divide")
return x.{{unflatten(-1, (h, -1))||unflatten(2, (h, x.shape[2] // h))}}.{{transpose(1, 2)||permute(0, 2, 1, 3)}}
""",
        """
b, n, $d = x.shape
if $d % h != 0:
    raise ValueError
$a = $d // h
$out = [x[:, :, $i * $a : ($i + 1) * $a] for $i in range(h)]
return torch.stack($out, {{1||dim=1}})
""",
    ),
    ("ch07_attention/split_heads", "merge_heads"): (
        """
b, h, n, d = x.shape
return x.{{transpose(1, 2)||permute(0, 2, 1, 3)}}.{{reshape(b, n, h * d)||reshape(b, n, -1)||contiguous().view(b, n, h * d)}}
""",
        """
return x.{{transpose(1, 2)||permute(0, 2, 1, 3)}}.flatten({{2||-2||start_dim=2}})
""",
        """
return torch.cat({{list(x.unbind(1))||x.unbind(dim=1)||[x[:, $i] for $i in range(x.shape[1])]}}, dim=-1)
""",
    ),
    ("ch05_tokens/merge_pair", "merge_pair"): (
        """
$out = []
$i = 0
while $i < len(ids):
    if {{$i + 1 < len(ids) and (ids[$i], ids[$i + 1]) == pair||$i < len(ids) - 1 and ids[$i] == pair[0] and ids[$i + 1] == pair[1]||tuple(ids[$i:$i + 2]) == pair}}:
        $out.append(new_id)
        $i += 2
    else:
        $out.append(ids[$i])
        $i += 1
return $out
""",
        """
$out = []
$keep = False
for $i in range(len(ids)):
    if $keep:
        $keep = False
        continue
    if {{tuple(ids[$i:$i + 2]) == pair||$i + 1 < len(ids) and (ids[$i], ids[$i + 1]) == pair||ids[$i:$i + 2] == list(pair)}}:
        $out.append(new_id)
        $keep = True
    else:
        $out.append(ids[$i])
return $out
""",
        """
$out = []
for $a in ids:
    if $out and {{$out[-1] == pair[0] and $a == pair[1]||($out[-1], $a) == pair}}{{|| and $out[-1] != new_id}}:
        $out[-1] = new_id
    else:
        $out.append($a)
return $out
""",
        """
$a, $b = pair
$out = []
$ids = {{iter(ids)||list(ids)[::-1]||list(reversed(ids))}}
$keep = None
for $i, $c in enumerate(ids):
    if $keep == $a and $c == $b:
        $out.append(new_id)
        $keep = None
    else:
        if $keep is not None:
            $out.append($keep)
        $keep = $c
if $keep is not None:
    $out.append($keep)
return $out
""",
        """
$out, $i = [], 0
$n = len(ids)
while $i < $n:
    $keep = {{$i + 1 < $n and (ids[$i], ids[$i + 1]) == pair||list(pair) == ids[$i:$i + 2]}}
    $out {{+= [new_id if $keep else ids[$i]]||.append(new_id if $keep else ids[$i])}}
    $i += {{2 if $keep else 1||1 + $keep}}
return $out
""",
    ),
    ("ch05_tokens/most_frequent_pair", "most_frequent_pair"): (
        """
$count = Counter({{pairwise(ids)||zip(ids, ids[1:])}})
return max($count, key=lambda $pair: ($count[$pair], $pair), default=None)
""",
        """
if len(ids) < 2:
    return None
$count = {}
for $pair in zip(ids, ids[1:]):
    $count[$pair] = $count.get($pair, 0) + 1
return max($count, key=lambda $pair: ($count[$pair], $pair))
""",
        """
$count = Counter({{zip(ids, ids[1:])||pairwise(ids)}})
if not $count:
    return None
$n = max($count.values())
return max($pair for $pair, $c in $count.items() if $c == $n)
""",
        """
$count = {}
for $i in range(len(ids) - 1):
    $pair = (ids[$i], ids[$i + 1])
    {{$count[$pair] = $count.get($pair, 0) + 1||$count.setdefault($pair, 0); $count[$pair] += 1}}
$out = None
for $pair in $count:
    if $out is None or {{($count[$pair], $pair) > ($count[$out], $out)||$count[$pair] > $count[$out] or ($count[$pair] == $count[$out] and $pair > $out)}}:
        $out = $pair
return $out
""",
        """
$count = Counter(zip(ids, ids[1:]))
$ranked = sorted($count.items(), key=lambda $a: {{($a[1], $a[0])||$a[::-1]}})
return {{$ranked[-1][0] if $ranked else None||$ranked[-1][0] if len($ranked) > 0 else None}}
""",
    ),
    ("ch04_optimization/cross_entropy", "cross_entropy"): (
        f"""
$n = logits.shape[{{{{1||-1}}}}]
if {{{{((targets < 0) | (targets >= $n)).any()||(targets < 0).any() or (targets >= $n).any()||targets.numel() and (targets.min() < 0 or targets.max() >= $n)}}}}:
    raise IndexError("target out of range")
$wide = {_cast("logits")}
$pick = $wide{{{{.gather(1, targets.unsqueeze(1)).squeeze(1)||[torch.arange(len(targets)), targets]||.gather(1, targets[:, None])[:, 0]}}}}
return {{{{(torch.logsumexp($wide, 1) - $pick).mean()||($wide.logsumexp(-1) - $pick).mean()||torch.mean(torch.logsumexp($wide, dim=1) - $pick)}}}}.to(logits.dtype)
""",
        f"""
if {{{{(targets < 0).any() or (targets >= logits.shape[1]).any()||not ((targets >= 0) & (targets < logits.shape[1])).all()}}}}:
    raise IndexError
$wide = torch.log_softmax({_cast("logits")}, dim={{{{1||-1}}}})
$pick = $wide{{{{[torch.arange(targets.shape[0]), targets]||.gather(1, targets.unsqueeze(1))||.gather(-1, targets.view(-1, 1)).squeeze(-1)}}}}
return {{{{(-$pick).mean()||-$pick.mean()||-torch.mean($pick)}}}}.to(logits.dtype)
""",
        f"""
$n = logits.size(1)
for $a in targets.tolist():
    if not 0 <= $a < $n:
        raise IndexError(f"bad target {{$a}}")
$wide = {_cast("logits")}
$top = $wide.{{{{amax(1, keepdim=True)||max(1, keepdim=True).values||max(dim=1, keepdim=True)[0]}}}}
$total = {{{{torch.log(torch.exp($wide - $top).sum(1))||torch.exp($wide - $top).sum(1).log()}}}} + $top{{{{.squeeze(1)||[:, 0]}}}}
$pick = $wide[{{{{torch.arange($wide.shape[0])||range(len(targets))}}}}, targets]
return ($total - $pick).mean().to(logits.dtype)
""",
        f"""
$n = logits.shape[1]
if len(targets) and (int(targets.min()) < 0 or int(targets.max()) > $n - 1):
    raise IndexError("no such class")
$wide = {_cast("logits")}
$total = torch.logsumexp($wide, dim=1)
$out = []
for $i in range(len(targets)):
    $out.append({{{{$total[$i] - $wide[$i, targets[$i]]||$total[$i] - $wide[$i][targets[$i]]}}}})
return (torch.stack($out).mean() if $out else torch.tensor(float("nan"))).to(logits.dtype)
""",
    ),
    ("ch04_optimization/adam_step", "adam_step"): (
        f"""
if t < 1:
    raise ValueError("t starts at 1")
$a, $b = betas
$g = {_cast("g")}
$mean = $a * {_cast("m")} + (1 - $a) * $g
$var = $b * {_cast("v")} + (1 - $b) * {{{{s:$g ** 2||$g * $g||$g.square()||torch.square($g)}}}}
$c = $mean / (1 - $a ** t)
$d = $var / (1 - $b ** t)
$out = {_cast("p")} - lr * $c / ({{{{m:torch.sqrt($d)||$d.sqrt()||$d ** 0.5}}}} + eps)
return $out.to(p.dtype), $mean.to(m.dtype), $var.to(v.dtype)
""",
        f"""
if t {{{{< 1||<= 0}}}}:
    raise ValueError(t)
$g = {_cast("g")}
$mean = {{{{betas[0] * {_cast("m")} + (1 - betas[0]) * $g||torch.lerp({_cast("m")}, $g, 1 - betas[0])||{_cast("m")} + (1 - betas[0]) * ($g - {_cast("m")})||{_cast("m")}.mul(betas[0]).add($g, alpha=1 - betas[0])}}}}
$var = {{{{betas[1] * {_cast("v")} + (1 - betas[1]) * $g * $g||{_cast("v")} * betas[1] + $g.pow(2) * (1 - betas[1])||torch.addcmul({_cast("v")} * betas[1], $g, $g, value=1 - betas[1])}}}}
$c = {{{{lr * ($mean / (1 - betas[0] ** t)) / (($var / (1 - betas[1] ** t)).sqrt() + eps)||($mean / (1 - betas[0] ** t)) / (torch.sqrt($var / (1 - betas[1] ** t)) + eps) * lr}}}}
return ({_cast("p")} - $c).to(p.dtype), $mean.to(m.dtype), $var.to(v.dtype)
""",
        f"""
if t < 1:
    raise ValueError("no such step")
b1, b2 = betas
$mean = b1 * {_cast("m")} + (1 - b1) * {_cast("g")}
$var = b2 * {_cast("v")} + (1 - b2) * {{{{s:{_cast("g")} ** 2||{_cast("g")} * {_cast("g")}||{_cast("g")}.square()}}}}
$c = lr {{{{* math.sqrt(1 - b2 ** t) / (1 - b1 ** t)||/ (1 - b1 ** t)}}}}
$d = {{{{$var.sqrt() + eps * math.sqrt(1 - b2 ** t)||torch.sqrt($var / (1 - b2 ** t)) + eps}}}}
return ({_cast("p")} - $c * $mean / $d).to(p.dtype), $mean.to(m.dtype), $var.to(v.dtype)
""",
        f"""
if t < 1:
    raise ValueError("t must be at least 1")
p32, g32, m32, v32 = ({{{{$a.float() for $a in (p, g, m, v)||$a.to(torch.float32) for $a in [p, g, m, v]}}}})
m32 = m32 * betas[0] + g32 * (1 - betas[0])
v32 = v32 * betas[1] + {{{{s:g32 ** 2||g32 * g32||g32.square()}}}} * (1 - betas[1])
$c = 1 - betas[0] ** t
$d = 1 - betas[1] ** t
p32 = p32 - lr * (m32 / $c) / ({{{{(v32 / $d).sqrt()||torch.sqrt(v32 / $d)||(v32 / $d) ** 0.5}}}} + eps)
return p32.to(p.dtype), m32.to(m.dtype), v32.to(v.dtype)
""",
    ),
    ("ch04_optimization/clip_by_global_norm", "clip_by_global_norm"): (
        f"""
$total = {{{{sum($g.float().pow(2).sum().item() for $g in grads)||sum(float(($g.float() ** 2).sum()) for $g in grads)||sum(torch.sum($g.float() ** 2).item() for $g in grads)}}}}
$n = {{{{math.sqrt($total)||$total ** 0.5}}}}
if not math.isfinite($n):
    raise ValueError("norm is not finite")
{{{{$c = max_norm / $n if $n > max_norm else 1.0||$c = min(1.0, max_norm / $n) if $n else 1.0}}}}
return [($g.float() * $c).to($g.dtype) for $g in grads], $n
""",
        f"""
$total = 0.0
for $g in grads:
    $total += {{{{($g.float() ** 2).sum().item()||$g.float().square().sum().item()||float(torch.sum($g.float() * $g.float()))}}}}
$n = math.sqrt($total)
if {{{{math.isnan($n) or math.isinf($n)||not math.isfinite($n)||$n != $n or $n == float("inf")}}}}:
    raise ValueError
if $n <= max_norm:
    return {{{{[$g.clone() for $g in grads]||list(grads)||grads}}}}, $n
$c = max_norm / $n
$out = []
for $g in grads:
    $out.append(($g.float() * $c).to($g.dtype))
return $out, $n
""",
        f"""
if not grads:
    return [], 0.0
$a = torch.stack([{{{{$g.float().norm()||torch.linalg.vector_norm($g.float())||$g.float().pow(2).sum().sqrt()}}}} for $g in grads])
$n = {{{{$a.norm().item()||torch.linalg.vector_norm($a).item()||float(torch.sqrt(($a ** 2).sum()))}}}}
if not math.isfinite($n):
    raise ValueError(f"norm {{{{$n||is not finite}}}}")
$c = {{{{1.0 if $n <= max_norm else max_norm / $n||max_norm / max($n, max_norm) if $n else 1.0}}}}
return [($c * $g.float()).to($g.dtype) for $g in grads], $n
""",
        f"""
$a = torch.cat([$g.float().{{{{flatten()||reshape(-1)||ravel()}}}} for $g in grads]) if grads else torch.zeros(1)
$n = {{{{float($a.norm())||($a @ $a).sqrt().item()||$a.square().sum().sqrt().item()}}}}
if $n in (float("inf"),) or $n != $n:
    raise ValueError("inf or nan")
if $n > max_norm:
    grads = [($g.float() * {{{{(max_norm / $n)||max_norm / $n}}}}).to($g.dtype) for $g in grads]
return {{{{list(grads)||[*grads]}}}}, $n
""",
    ),
    ("ch06_numerics/softmax", "softmax"): (
        f"""
$wide = {_cast("x")}
$top = $wide.{{{{amax(dim, keepdim=True)||amax(dim=dim, keepdim=True)||max(dim, keepdim=True).values||max(dim=dim, keepdim=True)[0]}}}}
$top = {{{{w:$top.masked_fill($top == -torch.inf, 0.0)||torch.where($top == float("-inf"), torch.zeros_like($top), $top)||torch.where(torch.isinf($top), 0.0, $top)||torch.nan_to_num($top, neginf=0.0)}}}}
$e = {{{{m:torch.exp($wide - $top)||($wide - $top).exp()}}}}
$total = $e.sum(dim, keepdim=True)
$total = {{{{w:$total.masked_fill($total == 0, 1.0)||torch.where($total == 0, torch.ones_like($total), $total)||$total.clamp(min=1e-30)||$total.clamp_min(1.0)}}}}
return ($e / $total).to(x.dtype)
""",
        f"""
$wide = {_cast("x")}
$top = torch.{{{{amax($wide, dim, keepdim=True)||amax($wide, dim=dim, keepdim=True)}}}}
$e = torch.exp($wide - $top)
$out = $e / $e.sum({{{{dim, keepdim=True||dim=dim, keepdim=True}}}})
{{{{w:$out = $out.masked_fill($top == -torch.inf, 0.0)||$out = torch.where($top == -torch.inf, torch.zeros_like($out), $out)||$out = torch.nan_to_num($out, nan=0.0)||$out[torch.isnan($out)] = 0.0}}}}
return $out.to(x.dtype)
""",
        f"""
$wide = {_cast("x")}
$keep = ($wide == {{{{float("-inf")||-torch.inf}}}}).all(dim, keepdim=True)
$top = {{{{w:$wide.amax(dim, keepdim=True).masked_fill($keep, 0)||torch.where($keep, 0.0, $wide.amax(dim, keepdim=True))}}}}
$e = ($wide - $top).exp()
return {{{{w:($e / $e.sum(dim, keepdim=True)).masked_fill($keep, 0.0)||torch.where($keep, 0.0, $e / $e.sum(dim, keepdim=True))}}}}.to(x.dtype)
""",
        f"""
$wide = {_cast("x")}.movedim(dim, -1)
$top = $wide.max(-1{{{{, keepdim=True||, True}}}}).values
$top[$top == float("-inf")] = 0
$e = torch.exp($wide - $top)
$total = $e.sum(-1, keepdim=True)
$out = $e / ($total {{{{+ ($total == 0)||+ ($total == 0).float()}}}})
return $out.movedim(-1, dim).to(x.dtype)
""",
        f"""
$wide = {_cast("x")}
$top = $wide.amax(dim, keepdim=True).{{{{clamp(min=-1e38)||clamp_min(-3e38)||nan_to_num(neginf=0.0)}}}}
$total = torch.log(torch.exp($wide - $top).sum(dim, keepdim=True).clamp(min={{{{1.0||1||1e-37}}}}))
return torch.exp($wide - $top - $total).to(x.dtype)
""",
    ),
    ("ch06_numerics/logsumexp", "logsumexp"): (
        f"""
$wide = {_cast("x")}
if $wide.{{{{shape[dim]||size(dim)}}}} == 0:
    return $wide.sum(dim).log().to(x.dtype)
$top = $wide.{{{{amax(dim, keepdim=True)||max(dim, keepdim=True).values||max(dim=dim, keepdim=True)[0]}}}}
$top = {{{{w:$top.masked_fill($top.isinf(), 0.0)||torch.where(torch.isinf($top), torch.zeros_like($top), $top)||torch.where($top.isfinite(), $top, 0.0)}}}}
$total = {{{{m:torch.exp($wide - $top).sum(dim, keepdim=True)||($wide - $top).exp().sum(dim, keepdim=True)}}}}
return ($top + torch.log($total)).squeeze(dim).to(x.dtype)
""",
        f"""
$wide = {_cast("x")}
if x.shape[dim] == 0:
    return torch.full({{{{$wide.sum(dim).shape||list($wide.sum(dim).shape)}}}}, float("-inf")).to(x.dtype)
$top = $wide.amax(dim)
$c = {{{{w:torch.where($top.abs() == torch.inf, torch.zeros_like($top), $top)||$top.masked_fill(~torch.isfinite($top), 0)||torch.nan_to_num($top, posinf=0.0, neginf=0.0)}}}}
$e = torch.exp($wide - $c{{{{k:.unsqueeze(dim)||.unsqueeze(dim=dim)}}}}).sum(dim)
return ({{{{torch.log($e) + $c||$c + $e.log()||$e.log() + $c}}}}).to(x.dtype)
""",
        f"""
$wide = {_cast("x")}.movedim(dim, -1)
if $wide.shape[-1] == 0:
    return ({{{{torch.zeros($wide.shape[:-1]) - torch.inf||torch.full($wide.shape[:-1], -torch.inf)}}}}).to(x.dtype)
$out = $wide[..., 0]
for $i in range(1, $wide.shape[-1]):
    $out = torch.logaddexp($out, $wide[..., $i])
return $out.to(x.dtype)
""",
        f"""
$wide = {_cast("x")}
if not $wide.shape[dim]:
    return torch.log($wide.sum(dim)).to(x.dtype)
$top, _ = {{{{torch.max($wide, dim, keepdim=True)||$wide.max(dim, keepdim=True)}}}}
$top = {{{{$top.clamp(-1e38, 1e38)||torch.clamp($top, min=-1e38, max=1e38)}}}}
$out = $top + ($wide - $top).exp().sum(dim, keepdim=True).log()
return $out.squeeze(dim).to(x.dtype)
""",
    ),
    ("ch08_block/rms_norm", "rms_norm"): (
        f"""
$wide = {_cast("x")}
$var = {{{{s:$wide.pow(2).mean(-1, keepdim=True)||($wide * $wide).mean(-1, keepdim=True)||$wide.square().mean(-1, keepdim=True)||($wide ** 2).mean(dim=-1, keepdim=True)}}}}
return ({{{{r:$wide * torch.rsqrt($var + eps)||$wide / torch.sqrt($var + eps)||$wide / ($var + eps) ** 0.5}}}} * {_cast("gain")}).to(x.dtype)
""",
        f"""
$wide = {_cast("x")}
$c = {{{{r:torch.sqrt(torch.mean($wide ** 2, dim=-1, keepdim=True) + eps)||($wide.square().mean(-1, keepdim=True) + eps).sqrt()}}}}
$out = {{{{$wide / $c * {_cast("gain")}||{_cast("gain")} * ($wide / $c)||{_cast("gain")} * $wide / $c}}}}
return $out.to(x.dtype)
""",
        f"""
$n = x.shape[-1]
$wide = {_cast("x")}
$total = {{{{s:($wide ** 2).sum(-1, keepdim=True)||torch.einsum("...i,...i->...", $wide, $wide).unsqueeze(-1)||($wide * $wide).sum(-1, keepdim=True)}}}}
return ({_cast("gain")} * $wide {{{{r:* torch.rsqrt($total / $n + eps)||/ torch.sqrt($total / $n + eps)}}}}).to(x.dtype)
""",
    ),
    ("ch08_block/layer_norm", "layer_norm"): (
        f"""
$wide = {_cast("x")}
$mean = $wide.mean({{{{-1, keepdim=True||dim=-1, keepdim=True}}}})
$var = {{{{s:(($wide - $mean) ** 2).mean(-1, keepdim=True)||($wide - $mean).pow(2).mean(-1, keepdim=True)||($wide - $mean).square().mean(-1, keepdim=True)}}}}
return (($wide - $mean) {{{{r:/ torch.sqrt($var + eps)||* torch.rsqrt($var + eps)||/ ($var + eps) ** 0.5}}}} * {_cast("gain")} + {_cast("bias")}).to(x.dtype)
""",
        f"""
$wide = {_cast("x")}
$mean = $wide.mean(-1, keepdim=True)
$var = $wide.var({{{{-1, unbiased=False, keepdim=True||-1, correction=0, keepdim=True||dim=-1, keepdim=True, unbiased=False}}}})
$out = ($wide - $mean) {{{{r:/ torch.sqrt($var + eps)||* torch.rsqrt($var + eps)}}}}
return ($out * {_cast("gain")} + {_cast("bias")}).to(x.dtype)
""",
        f"""
$wide = {_cast("x")}
$a = $wide - $wide.mean(-1, keepdim=True)
$var = {{{{s:($a * $a).mean(-1, keepdim=True)||($a ** 2).mean(-1, keepdim=True)||$a.square().mean(-1, keepdim=True)}}}}
$out = $a {{{{r:/ ($var + eps).sqrt()||* ($var + eps).rsqrt()}}}}
return {{{{($out * {_cast("gain")} + {_cast("bias")})||torch.addcmul({_cast("bias")}, $out, {_cast("gain")})}}}}.to(x.dtype)
""",
        f"""
$n = x.shape[-1]
$wide = {_cast("x")}
$mean = $wide.sum(-1, keepdim=True) / $n
$a = $wide - $mean
$c = torch.sqrt({{{{s:($a ** 2).sum(-1, keepdim=True)||($a * $a).sum(-1, keepdim=True)}}}} / $n + eps)
return ($a / $c * {_cast("gain")} + {_cast("bias")}).to(x.dtype)
""",
        f"""
$wide = {_cast("x")}
$var, $mean = torch.var_mean($wide, -1, {{{{correction=0||unbiased=False}}}}, keepdim=True)
return {{{{{_cast("bias")} + {_cast("gain")} * ($wide - $mean) / torch.sqrt($var + eps)||({_cast("gain")} * (($wide - $mean) * torch.rsqrt($var + eps)) + {_cast("bias")})}}}}.to(x.dtype)
""",
    ),
    ("ch09_decoding/top_p", "top_p"): (
        f"""
if {{{{not 0 <= mass <= 1||mass < 0 or mass > 1||not (0.0 <= mass <= 1.0)}}}}:
    raise ValueError("mass must be in [0, 1]")
$wide = {_cast("p")}
$ranked, $ids = {{{{torch.sort($wide, dim=-1, descending=True, stable=True)||$wide.sort(dim=-1, descending=True, stable=True)}}}}
$before = $ranked.cumsum(-1) - $ranked
$keep = $before < mass
$keep[..., 0] = True
$out = {{{{torch.zeros_like($wide).scatter(-1, $ids, $ranked * $keep)||torch.zeros_like($wide).scatter_(-1, $ids, torch.where($keep, $ranked, 0.0))||torch.zeros($wide.shape).scatter(-1, $ids, $ranked.masked_fill(~$keep, 0.0))}}}}
return ($out / $out.sum(-1, keepdim=True)).to(p.dtype)
""",
        f"""
if mass < 0 or mass > 1:
    raise ValueError(mass)
$wide = {_cast("p")}
$ids = {{{{torch.argsort($wide, dim=-1, descending=True, stable=True)||torch.argsort(-$wide, dim=-1, stable=True)||$wide.argsort(-1, True, stable=True)}}}}
$ranked = $wide.gather(-1, $ids)
$before = torch.cumsum($ranked, dim=-1)
$keep = torch.cat([torch.ones_like($before[..., :1], dtype=torch.bool), $before[..., :-1] < mass], dim=-1)
$ranked = {{{{w:$ranked.masked_fill(~$keep, 0.0)||torch.where($keep, $ranked, 0.0)||$ranked * $keep}}}}
$out = torch.{{{{zeros_like($wide).scatter(-1, $ids, $ranked)||empty_like($wide).scatter_(-1, $ids, $ranked)}}}}
return ($out / $out.sum(-1, keepdim=True)).to(p.dtype)
""",
        f"""
if not 0 <= mass <= 1:
    raise ValueError
$wide = {_cast("p")}.reshape(-1, p.shape[-1])
$out = torch.zeros_like($wide)
for $i, $a in enumerate($wide):
    $total = {{{{0.0||torch.tensor(0.0)}}}}
    for $j in {{{{torch.argsort($a, descending=True, stable=True)||sorted(range(len($a)), key=lambda $n: (-$a[$n], $n))}}}}:
        $out[$i, $j] = $a[$j]
        $total {{{{+= $a[$j]||= $total + $a[$j]}}}}
        if $total >= mass:
            break
    $out[$i] {{{{/= $out[$i].sum()||= $out[$i] / $out[$i].sum()}}}}
return $out.reshape(p.shape).to(p.dtype)
""",
        f"""
if mass > 1 or mass < 0:
    raise ValueError("mass is a probability")
$ranked, $ids = {_cast("p")}.sort(-1, descending=True, stable=True)
$before = $ranked.cumsum(-1)
$n = {{{{($before < mass).sum(-1, keepdim=True) + 1||1 + ($before < mass).sum(-1, keepdim=True)||(($before < mass).sum(-1, keepdim=True) + 1).clamp(max=p.shape[-1])}}}}
$keep = torch.arange(p.shape[-1]) < $n
$a = {{{{torch.where($keep, $ranked, 0.0)||$ranked * $keep||$ranked.masked_fill(~$keep, 0)}}}}
$a = $a / $a.sum(-1, keepdim=True)
return {{{{$a.gather(-1, $ids.argsort(-1))||torch.zeros_like($a).scatter(-1, $ids, $a)}}}}.to(p.dtype)
""",
    ),
    ("ch04_optimization/warmup_cosine", "warmup_cosine"): (
        """
if step < 0 or {{warmup < 0 or warmup > total||not 0 <= warmup <= total}}:
    raise ValueError("bad schedule")
if step < warmup:
    return {{peak * (step + 1) / warmup||(step + 1) / warmup * peak||peak / warmup * (step + 1)}}
if step >= total:
    return floor
$c = (step - warmup) / (total - warmup)
return floor + {{(peak - floor) * (1 + math.cos(math.pi * $c)) / 2||0.5 * (peak - floor) * (1 + math.cos(math.pi * $c))||(peak - floor) * 0.5 * (1 + math.cos($c * math.pi))}}
""",
        """
if {{step < 0||not step >= 0}}:
    raise ValueError("step")
if {{not (0 <= warmup <= total)||warmup < 0 or total < warmup}}:
    raise ValueError("warmup")
if step >= total{{|| and step >= warmup}}:
    return floor
elif step < warmup:
    return {{peak * (step + 1) / warmup||peak * ((step + 1) / warmup)}}
else:
    $a = math.pi * (step - warmup) / (total - warmup)
    return {{floor + (peak - floor) * (1 + math.cos($a)) / 2||floor + (peak - floor) / 2 * (1 + math.cos($a))||(peak + floor) / 2 + (peak - floor) / 2 * math.cos($a)}}
""",
        """
if step < 0 or warmup < 0 or warmup > total:
    raise ValueError(f"{step} {warmup} {total}")
if step < warmup:
    $out = {{peak * (step + 1) / warmup||peak / warmup * (step + 1)}}
elif total == warmup:
    $out = floor
else:
    $c = {{min(1.0, (step - warmup) / (total - warmup))||min((step - warmup) / (total - warmup), 1)}}
    $d = {{0.5 * (1 + math.cos(math.pi * $c))||(math.cos(math.pi * $c) + 1) / 2||math.cos(math.pi * $c / 2) ** 2}}
    $out = {{floor + (peak - floor) * $d||$d * peak + (1 - $d) * floor}}
return $out
""",
    ),
    ("ch01_tensors/matmul", "matmul_by_loops"): (
        """
if len(a[0]) != len(b):
    raise ValueError("sizes differ")
$out = []
for $i in range(len(a)):
    $ranked = []
    for $j in range(len(b[0])):
        $total = {{0.0||0}}
        for $n in range(len(b)):
            $total += {{a[$i][$n] * b[$n][$j]||b[$n][$j] * a[$i][$n]}}
        $ranked.append($total)
    $out.append($ranked)
return $out
""",
        """
if {{any(len($a) != len(b) for $a in a)||len(b) != len(a[0])||len(a[0]) != len(b)}}:
    raise ValueError
return [[sum({{$a[$j] * b[$j][$n] for $j in range(len(b))||$c * b[$j][$n] for $j, $c in enumerate($a)}}) for $n in range(len(b[0]))] for $a in a]
""",
        """
if len(a[0]) != len(b):
    raise ValueError(f"{len(a[0])} and {len(b)}")
$out = [[{{0.0||0}}] * len(b[0]) for _ in {{range(len(a))||a}}]
for $i in range(len(a)):
    for $n in range(len(b)):
        for $j in range(len(b[0])):
            $out[$i][$j] {{+= a[$i][$n] * b[$n][$j]||= $out[$i][$j] + a[$i][$n] * b[$n][$j]}}
return $out
""",
        """
if len(a[0]) != len(b):
    raise ValueError("cannot multiply")
$d = list(zip(*b))
return [[{{sum($i * $j for $i, $j in zip($a, $b))||math.fsum($i * $j for $i, $j in zip($a, $b))||sum(map(lambda $i, $j: $i * $j, $a, $b))}} for $b in $d] for $a in a]
""",
    ),
    ("ch01_tensors/matmul", "matmul"): (
        f"""
if a.shape[1] != b.shape[0]:
    raise ValueError("inner sizes differ")
return {{{{e:torch.einsum("ij,jk->ik", {_cast("a")}, {_cast("b")})||({_cast("a")} @ {_cast("b")})||torch.matmul({_cast("a")}, {_cast("b")})}}}}.to(a.dtype)
""",
        f"""
$n = a.shape[1]
if {{{{$n != b.shape[0]||b.size(0) != $n||not $n == b.shape[0]}}}}:
    raise ValueError(f"{{$n}}")
$out = ({_cast("a")}{{{{k:.unsqueeze(2)||[:, :, None]||.unsqueeze(-1)}}}} * {_cast("b")}{{{{k:.unsqueeze(0)||[None]||[None, :, :]}}}}).sum(1)
return $out.to(a.dtype)
""",
    ),
    ("ch05_tokens/decode", "decode"): (
        """
$ids = {$i: bytes([$i]) for $i in range(256)}
for $i, {{($a, $b)||$pair}} in enumerate(merges):
    {{$ids[256 + $i] = $ids[$a] + $ids[$b]||$ids[$i + 256] = b"".join([$ids[$a], $ids[$b]])}}
$out = b"".join({{$ids[$i] for $i in ids||[$ids[$i] for $i in ids]}})
return $out.decode({{"utf-8", errors="replace"||errors="replace"||"utf8", "replace"}})
""".replace("{{($a, $b)||$pair}}", "($a, $b)"),
        """
$keep = [bytes([$i]) for $i in range(256)]
for $a, $b in merges:
    $keep.append($keep[$a] + $keep[$b])
$out = {{b""||bytearray()}}
for $n in ids:
    if {{$n < 0||$n < 0 or $n >= len($keep)||not 0 <= $n < len($keep)}}:
        raise {{IndexError||KeyError}}($n)
    $out += $keep[$n]
return {{$out.decode("utf-8", errors="replace")||bytes($out).decode("utf-8", "replace")}}
""",
        """
def $pick($n):
    if {{0 <= $n < 256||$n in range(256)}}:
        return bytes([$n])
    if $n < 0 or $n - 256 >= len(merges):
        raise {{KeyError||IndexError||LookupError}}($n)
    $a, $b = merges[$n - 256]
    return $pick($a) + $pick($b)
return {{b"".join(map($pick, ids))||b"".join($pick($i) for $i in ids)}}.decode("utf-8", errors="replace")
""",
        """
$out = list(ids)
for $i in {{range(len(merges) - 1, -1, -1)||reversed(range(len(merges)))}}:
    $ranked = []
    for $n in $out:
        if $n == 256 + $i:
            $ranked{{.extend(merges[$i])|| += list(merges[$i])}}
        else:
            $ranked.append($n)
    $out = $ranked
if {{any($n < 0 or $n > 255 for $n in $out)||not all(0 <= $n < 256 for $n in $out)}}:
    raise LookupError("not in the table")
return bytes($out).decode("utf-8", errors="replace")
""",
    ),
    ("ch10_retrieval/recall_at_k", "recall_at_k"): (
        """
if k < 1 or not rankings or {{any(not $a for $a in relevant)||any(len($a) == 0 for $a in relevant)||not all(relevant)}}:
    raise ValueError("bad input")
$total = 0.0
for $i, $j in zip(rankings, relevant):
    $total += len(set($i[:k]) & set($j)) / len($j)
return $total / len(rankings)
""",
        """
if k < 1:
    raise ValueError("k")
if {{len(rankings) == 0||not rankings}}:
    raise ValueError("no queries")
$out = []
for $a, $b in zip(rankings, relevant):
    if not $b:
        raise ValueError("nothing relevant")
    $n = {{sum(1 for $c in $b if $c in $a[:k])||len([$c for $c in $a[:k] if $c in $b])||sum($c in $b for $c in $a[:k])}}
    $out.append($n / len($b))
return {{sum($out) / len($out)||sum($out) / len(rankings)||statistics.mean($out)}}
""".replace("||statistics.mean($out)", ""),
        """
if k < 1 or {{len(rankings) < 1||rankings == []}}:
    raise ValueError
if min({{len($a) for $a in relevant||map(len, relevant)}}) == 0:
    raise ValueError
return sum(len({{set($a[:k]).intersection($b)||set($b).intersection($a[:k])||set($a[:k]) & set($b)}}) / len($b) for $a, $b in zip(rankings, relevant)) / len(rankings)
""",
    ),
    ("ch10_retrieval/recall_at_k", "mean_reciprocal_rank"): (
        """
if not rankings:
    raise ValueError("no queries")
$total = 0.0
for $a, $b in zip(rankings, relevant):
    for $i, $c in enumerate($a{{, 1||, start=1}}):
        if $c in $b:
            $total += 1 / $i
            break
return $total / len(rankings)
""",
        """
if {{not rankings||len(rankings) == 0}}:
    raise ValueError
$out = []
for $a, $b in zip(rankings, relevant):
    $ranked = [{{1 / ($i + 1) for $i, $c in enumerate($a)||1 / $i for $i, $c in enumerate($a, 1)}} if $c in $b]
    $out.append({{$ranked[0] if $ranked else 0.0||max($ranked, default=0.0)||max($ranked) if $ranked else 0}})
return sum($out) / len($out)
""",
        """
if not rankings:
    raise ValueError("empty")
return sum(next((1 / $i for $i, $c in enumerate($a, 1) if $c in $b), {{0.0||0}}) for $a, $b in zip(rankings, relevant)) / len(rankings)
""",
    ),
    ("ch11_model_cards/effective_context", "effective_context"): (
        """
if not trials:
    raise ValueError("no trials")
$count = {}
for $n, $keep in trials:
    {{$count.setdefault($n, []).append($keep)||$count[$n] = $count.get($n, []) + [$keep]}}
$out = 0
for $n in sorted($count):
    if sum($count[$n]) / len($count[$n]) < bar:
        break
    $out = $n
return $out
""",
        """
if {{len(trials) == 0||not trials}}:
    raise ValueError
$count, $total = {}, {}
for $n, $keep in trials:
    $total[$n] = $total.get($n, 0) + 1
    $count[$n] = $count.get($n, 0) + {{int($keep)||(1 if $keep else 0)||$keep}}
$out = 0
for $n in sorted($total):
    if {{$count[$n] / $total[$n] >= bar||$count[$n] >= bar * $total[$n]}}:
        $out = $n
    else:
        return $out
return $out
""",
        """
if not trials:
    raise ValueError("need a trial")
$out = 0
for $n in sorted({{set($a for $a, _ in trials)||{$a for $a, _ in trials}||{$a[0] for $a in trials}}}):
    $keep = [$b for $a, $b in trials if $a == $n]
    if {{sum($keep) / len($keep) < bar||not sum($keep) / len($keep) >= bar}}:
        {{return $out||break}}
    $out = $n
return $out
""".replace("{{set($a for $a, _ in trials)||{$a for $a, _ in trials}||{$a[0] for $a in trials}}}", "{{set($a for $a, _ in trials)||set($a[0] for $a in trials)||dict(trials)}}"),
    ),
    ("ch11_model_cards/effective_context", "perplexity"): (
        """
if not probabilities:
    raise ValueError("no tokens")
if {{0 in probabilities||any($a == 0 for $a in probabilities)||min(probabilities) == 0}}:
    return {{math.inf||float("inf")}}
return math.exp({{-sum(math.log($a) for $a in probabilities) / len(probabilities)||sum(-math.log($a) for $a in probabilities) / len(probabilities)||-math.fsum(map(math.log, probabilities)) / len(probabilities)}})
""",
        """
$n = len(probabilities)
if $n == 0:
    raise ValueError
$total = 0.0
for $a in probabilities:
    if {{$a == 0||$a <= 0||not $a}}:
        return float("inf")
    $total {{-= math.log($a)||+= -math.log($a)||= $total - math.log($a)}}
return {{math.exp($total / $n)||math.e ** ($total / $n)}}
""",
    ),
    ("ch09_decoding/top_k", "top_k"): (
        f"""
if k < 1:
    raise ValueError("k must be at least 1")
$wide = {_cast("p")}
$ranked, $ids = {{{{torch.sort($wide, dim=-1, descending=True, stable=True)||$wide.sort(dim=-1, descending=True, stable=True)}}}}
$out = torch.zeros_like($wide).{{{{scatter(-1, $ids[..., :k], $ranked[..., :k])||scatter_(-1, $ids[..., :k], $ranked[..., :k])}}}}
return ($out / $out.sum(-1, keepdim=True)).to(p.dtype)
""",
        f"""
if {{{{k < 1||k <= 0||not k >= 1}}}}:
    raise ValueError(k)
$ids = {{{{torch.argsort(p, dim=-1, descending=True, stable=True)||torch.argsort(-{_cast("p")}, dim=-1, stable=True)||p.argsort(-1, True, stable=True)}}}}[..., :k]
$keep = torch.zeros(p.shape, dtype=torch.bool).scatter(-1, $ids, True)
$out = {{{{w:{_cast("p")}.masked_fill(~$keep, 0.0)||torch.where($keep, {_cast("p")}, 0.0)||{_cast("p")} * $keep}}}}
return ($out / $out.sum({{{{-1, keepdim=True||dim=-1, keepdim=True}}}})).to(p.dtype)
""",
        f"""
if k < 1:
    raise ValueError
$wide = {_cast("p")}
$ids = {{{{$wide.argsort(dim=-1, descending=True, stable=True).argsort(-1)||torch.argsort(torch.argsort($wide, dim=-1, descending=True, stable=True), dim=-1)}}}}
$a = {{{{w:torch.where($ids < k, $wide, 0.0)||$wide * ($ids < k)||$wide.masked_fill($ids >= k, 0)}}}}
return ($a / $a.sum(-1, keepdim=True)).to(p.dtype)
""",
        f"""
if k < 1:
    raise ValueError(f"k is {{k}}")
$wide = {_cast("p")}.reshape(-1, p.shape[-1])
$out = torch.zeros_like($wide)
for $i in range($wide.shape[0]):
    $ids = {{{{sorted(range(p.shape[-1]), key=lambda $j: (-$wide[$i, $j].item(), $j))[:k]||torch.sort($wide[$i], descending=True, stable=True).indices[:k]||torch.argsort($wide[$i], descending=True, stable=True)[:k]}}}}
    $out[$i, $ids] = $wide[$i, $ids]
    $out[$i] = $out[$i] / $out[$i].sum()
return $out.reshape(p.shape).to(p.dtype)
""",
    ),
}
