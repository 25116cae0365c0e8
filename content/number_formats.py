"""How the texts of the chapters write numbers: a real minus sign, and exponents as raised digits."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def signed(value, digits):
    """-0.5 with one digit after the point as −0.5."""
    return minus(f"{value:.{digits}f}")


def short(value, digits=0):
    """-7.1e-06 with no digit after the point as −7e-6."""
    fraction, exponent = f"{value:.{digits}e}".split("e")
    return f"{minus(fraction)}e{int(exponent)}"


def power_of_ten(value, digits=0):
    """7.1e-06 with no digit after the point as 7 · 10⁻⁶."""
    fraction, exponent = short(value, digits).split("e")
    return f"{fraction} · 10{raised(exponent)}"


def raised(number):
    """-12 as ⁻¹²."""
    return str(number).translate(RAISED)


def minus(text):
    return text.replace("-", "−")
