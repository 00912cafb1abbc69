import pytest

from backend.scalars import BadInput
from backend.types.place import BBox, Near

BREST = BBox(south=48.3, west=-4.6, north=48.5, east=-4.3)
FIJI = BBox(south=-20, west=176, north=-15, east=-178)


@pytest.mark.parametrize(
    ("box", "lat", "lon", "is_inside"),
    [
        (BREST, 48.4, -4.5, True),
        (BREST, 48.3, -4.6, True),
        (BREST, 48.6, -4.5, False),
        (BREST, 48.4, -4.2, False),
        (FIJI, -17, 178, True),
        (FIJI, -17, -179, True),
        (FIJI, -17, 0, False),
    ],
)
def test_a_rectangle_holds_what_lies_in_it(box: BBox, lat: float, lon: float, is_inside: bool) -> None:
    box.check()
    assert box.contains(lat, lon) is is_inside


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        (BBox(south=49, west=0, north=48, east=1), "bbox: south 49 is greater than north 48."),
        (BBox(south=-91, west=0, north=48, east=1), "bbox.south: -91 is not between -90 and 90 degrees."),
        (BBox(south=0, west=0, north=90.5, east=1), "bbox.north: 90.5 is not between -90 and 90 degrees."),
        (BBox(south=0, west=-181, north=48, east=1), "bbox.west: -181 is not between -180 and 180 degrees."),
        (BBox(south=0, west=0, north=48, east=200), "bbox.east: 200 is not between -180 and 180 degrees."),
    ],
)
def test_what_is_no_rectangle_is_refused(box: BBox, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        box.check()
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    ("near", "sentence"),
    [
        (Near(lat=91, lon=0), "near.lat: 91 is not between -90 and 90 degrees."),
        (Near(lat=0, lon=-180.1), "near.lon: -180.1 is not between -180 and 180 degrees."),
        (Near(lat=0, lon=0, meters=0), "near.meters: 0 is not more than 0."),
    ],
)
def test_what_is_no_point_is_refused(near: Near, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        near.check()
    assert refused.value.message == sentence


def test_distances_are_those_of_a_great_circle() -> None:
    equator = Near(lat=0, lon=0)
    assert equator.distance(0, 0) == 0
    assert equator.distance(0, 90) == pytest.approx(10_007_557, abs=1)
    assert equator.distance(0, 180) == pytest.approx(20_015_115, abs=1)
    # The Gare de Brest and the Gare Montparnasse.
    assert Near(lat=48.3878, lon=-4.4797).distance(48.8412, 2.3203) == pytest.approx(502_400, rel=0.005)
