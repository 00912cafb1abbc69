"""A Brest of our own for demonstrations: real quarters of Brest and Plouzané, stations made up by us."""

from __future__ import annotations

from pipeline.simulator.city import City, Site

# Name, latitude, longitude, docks; how many homes, jobs (and lectures) and outings are around.
_QUARTERS: tuple[tuple[str, float, float, int, float, float, float], ...] = (
    ("Place de la Liberté", 48.3906, -4.4860, 24, 0.4, 1.6, 1.2),
    ("Gare SNCF", 48.3880, -4.4800, 24, 0.4, 1.4, 0.6),
    ("Rue de Siam", 48.3866, -4.4900, 18, 0.4, 1.3, 1.0),
    ("Halles Saint-Louis", 48.3868, -4.4928, 14, 0.6, 0.7, 0.9),
    ("Cours Dajot", 48.3838, -4.4889, 12, 0.4, 0.6, 0.9),
    ("Château", 48.3822, -4.4938, 14, 0.1, 0.8, 1.1),
    ("Port de Commerce", 48.3825, -4.4817, 20, 0.2, 1.0, 1.3),
    ("Harteloire", 48.3921, -4.4945, 14, 0.7, 0.8, 0.2),
    ("Hôpital Morvan", 48.3935, -4.4836, 16, 0.4, 1.2, 0.1),
    ("Octroi", 48.3937, -4.4806, 14, 0.8, 0.5, 0.4),
    ("Place Guérin", 48.3958, -4.4829, 14, 0.9, 0.3, 0.8),
    ("Saint-Martin", 48.3962, -4.4775, 16, 1.0, 0.4, 0.6),
    ("Pilier Rouge", 48.3992, -4.4718, 14, 1.0, 0.4, 0.2),
    ("Place de Strasbourg", 48.4011, -4.4680, 18, 0.9, 0.5, 0.2),
    ("Stade Francis-Le Blé", 48.4030, -4.4618, 14, 0.6, 0.3, 0.7),
    ("Saint-Marc", 48.3957, -4.4580, 14, 1.1, 0.3, 0.3),
    ("Le Forestou", 48.3985, -4.4520, 12, 1.0, 0.2, 0.1),
    ("Moulin Blanc", 48.3990, -4.4345, 18, 0.2, 0.4, 1.6),
    ("Océanopolis", 48.3912, -4.4358, 18, 0.1, 0.7, 1.5),
    ("Quartier de l'Europe", 48.4070, -4.4595, 12, 1.1, 0.2, 0.1),
    ("Pontanézen", 48.4115, -4.4745, 14, 1.2, 0.3, 0.1),
    ("Kerinou", 48.4032, -4.4868, 12, 1.0, 0.3, 0.2),
    ("Lambézellec", 48.4125, -4.4905, 14, 1.2, 0.3, 0.3),
    ("Le Spernot", 48.4190, -4.4895, 10, 0.4, 0.5, 0.1),
    ("Le Bouguen", 48.3990, -4.4975, 20, 0.2, 1.6, 0.2),
    ("Bellevue", 48.4045, -4.5020, 18, 1.3, 0.5, 0.3),
    ("Kergoat", 48.4042, -4.5105, 12, 1.1, 0.2, 0.1),
    ("Parc de Penfeld", 48.4080, -4.5185, 12, 0.2, 0.3, 1.0),
    ("Capucins", 48.3888, -4.5008, 20, 0.3, 0.9, 1.6),
    ("Recouvrance", 48.3842, -4.5003, 14, 1.0, 0.3, 0.4),
    ("Quatre Moulins", 48.3832, -4.5112, 14, 1.1, 0.3, 0.2),
    ("Kerbonne", 48.3800, -4.5135, 12, 1.1, 0.2, 0.1),
    ("Kerangoff", 48.3765, -4.5165, 12, 1.2, 0.2, 0.1),
    ("Saint-Pierre", 48.3848, -4.5315, 14, 1.2, 0.3, 0.3),
    ("Valy Hir", 48.3895, -4.5395, 12, 1.1, 0.2, 0.1),
    ("Hôpital de la Cavale Blanche", 48.3997, -4.5320, 20, 0.2, 1.5, 0.0),
    ("Fort Montbarey", 48.3775, -4.5395, 10, 0.5, 0.2, 0.5),
    ("Porte de Plouzané", 48.3790, -4.5540, 14, 0.2, 0.9, 0.5),
    ("Sainte-Anne du Portzic", 48.3627, -4.5485, 10, 0.2, 0.3, 0.9),
    ("Technopôle Brest-Iroise", 48.3598, -4.5665, 24, 0.3, 1.7, 0.1),
    ("La Trinité (Plouzané)", 48.3690, -4.5750, 12, 1.0, 0.2, 0.1),
    ("Plouzané Bourg", 48.3817, -4.6180, 12, 1.1, 0.3, 0.2),
)
# One station under works and one that is not built yet, so that every state can be seen.
_CLOSED, _PLANNED, _BROKEN = "Cours Dajot", "Le Spernot", ("Gare SNCF", "Bellevue")


def _site(number: int, quarter: tuple[str, float, float, int, float, float, float]) -> Site:
    name, lat, lon, docks, home, work, leisure = quarter
    return Site(
        station_id=f"brest-{number:02d}",
        name=name,
        lat=lat,
        lon=lon,
        docks=docks,
        home=home,
        work=work,
        leisure=leisure,
        broken_docks=int(name in _BROKEN),
        is_installed=name != _PLANNED,
        is_open=name not in (_CLOSED, _PLANNED),
    )


BREST = City(
    system_id="brest-demo",
    name="Brest (simulated)",
    language="fr",
    time_zone="Europe/Paris",
    sites=tuple(_site(number, quarter) for number, quarter in enumerate(_QUARTERS, 1)),
)
