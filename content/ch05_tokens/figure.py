"""Tokens per word of one text in four languages while an English tokenizer grows; and what twice the tokens cost."""

from collections import Counter

from matplotlib.figure import Figure

from reference.ch05_tokens.fertility import fertility
from reference.ch05_tokens.train_bpe import train_bpe

# The Universal Declaration of Human Rights (1948): Article 1 to encode, five recitals of the preamble to train on.
ARTICLE_1 = {
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι προικισμένοι "
    "με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται μεταξύ τους με πνεύμα αδελφοσύνης.",
    "Finnish": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Heille on annettu järki "
    "ja omatunto, ja heidän on toimittava toisiaan kohtaan veljeyden hengessä.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler ve "
    "birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler.",
    "English": "All human beings are born free and equal in dignity and rights. They are endowed with reason and "
    "conscience and should act towards one another in a spirit of brotherhood.",
}
PREAMBLE = """
Whereas recognition of the inherent dignity and of the equal and inalienable rights of all members of the human family
is the foundation of freedom, justice and peace in the world,
Whereas disregard and contempt for human rights have resulted in barbarous acts which have outraged the conscience of
mankind, and the advent of a world in which human beings shall enjoy freedom of speech and belief and freedom from fear
and want has been proclaimed as the highest aspiration of the common people,
Whereas it is essential, if man is not to be compelled to have recourse, as a last resort, to rebellion against tyranny
and oppression, that human rights should be protected by the rule of law,
Whereas it is essential to promote the development of friendly relations between nations,
Whereas the peoples of the United Nations have in the Charter reaffirmed their faith in fundamental human rights, in the
dignity and worth of the human person and in the equal rights of men and women and have determined to promote social
progress and better standards of life in larger freedom,
"""
STYLES = {"Greek": ("-", "black"), "Finnish": ("--", "black"), "Turkish": (":", "black"), "English": ("-", "0.55")}
MERGES = range(0, 301, 20)


def draw():
    figure = Figure(figsize=(4.2, 5.4), layout="constrained")
    words, costs = figure.subplots(2, 1, height_ratios=(1.15, 1))
    _words(words)
    _costs(costs)
    return figure


def _words(axes):
    table = train_bpe(Counter(PREAMBLE.split()), 256 + MERGES[-1])
    points = [fertility(ARTICLE_1, table[:n], 4096, "English") for n in MERGES]
    for language, (style, colour) in STYLES.items():
        values = [point[language]["fertility"] for point in points]
        axes.plot(MERGES, values, style, color=colour, lw=1.8, label=language)
    axes.set(xlim=(0, MERGES[-1]), ylim=(0, 15))
    axes.set_title("One text, four languages, an English table", loc="left")
    axes.set_xlabel("merges made (number)")
    axes.set_ylabel("tokens per word")
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.82), frameon=False, handlelength=3)


def _costs(axes):
    sizes = [(6, d) for d in (120, 60, 30, 12, 6, 3, 2, 1)] + [(n, 1) for n in (12, 24, 60, 120, 300, 600)]
    ratios = [n / d for n, d in sizes]
    points = [fertility({"base": "ab " * n, "double": "ba " * n}, [(97, 98)], d, "base")["double"] for n, d in sizes]
    lines = {"attention": ("--", "0.45", "attention's products"), "model": ("-", "black", "whole layer")}
    for name, (style, colour, label) in lines.items():
        axes.plot(ratios, [point[name] for point in points], style, color=colour, lw=1.8, label=label)
    half = points[sizes.index((6, 1))]["model"]
    axes.plot([6, 6], [1.5, half], ":", color="black", lw=1)
    axes.text(6.8, 1.7, "6 · d_model", ha="left", va="center")
    axes.set(xscale="log", xlim=(0.05, 600), ylim=(1.5, 4.6))
    axes.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.minorticks_off()
    axes.set_yticks([2, 3, 4], ["2 ×", "3 ×", "4 ×"])
    axes.set_title("What twice the tokens cost", loc="left")
    axes.set_xlabel("tokens before doubling / d_model")
    axes.set_ylabel("cost, as a multiple")
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0.72), frameon=False, handlelength=3)
