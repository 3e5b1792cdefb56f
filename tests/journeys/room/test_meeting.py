"""People meet in real browsers: pictures are decoded, sound arrives, and it survives what networks do."""

from __future__ import annotations

from playwright.async_api import Page, expect

from support.chromium import violations
from support.room_pages import Crowd, decoded, goes_on, holds, names, plays
from support.rooms import Scene
from vestibule.visits.model import PersonRole


async def both(crowd: Crowd, scene: Scene) -> tuple[Page, Page]:
    doctor = await crowd.enter(scene.people["Dr. Okafor"])
    amy = await crowd.enter(scene.people["Amy Shaw"], phone=True)
    await plays(doctor, 1)
    await plays(amy, 1)
    return doctor, amy


def nothing_went_wrong(*pages: Page) -> None:
    for page in pages:
        assert [m for m in page.mistakes if "Permissions-Policy" not in m] == []  # type: ignore[attr-defined]


async def test_two_people_see_and_hear_each_other(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    assert await names(doctor) == ["Amy Shaw"]
    assert await names(amy) == ["Dr. Okafor"]
    assert await scene.kinds("Amy Shaw") == ["connected"]
    assert await scene.kinds("Dr. Okafor") == ["connected"]
    for page in (doctor, amy):
        assert await violations(page) == []
    nothing_went_wrong(doctor, amy)


async def test_three_people_each_see_the_other_two(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    maria = await crowd.enter(await scene.person("Maria L.", PersonRole.INTERPRETER))
    for page in (doctor, amy, maria):
        await plays(page, 2)
    assert await names(maria) == ["Amy Shaw", "Dr. Okafor"]
    nothing_went_wrong(doctor, amy, maria)


async def test_put_back_stops_sound_and_picture_at_once(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    await scene.step("put_back", "Amy Shaw")
    await amy.get_by_text("You are back in the waiting room").wait_for(timeout=5_000)
    playing = "[...document.querySelectorAll('video')].filter(v => v.srcObject).length"
    assert await amy.evaluate(f"[eye.live().length, {playing}]") == [0, 0]
    await holds(doctor, "eye.live().length === 0", seconds=5)
    await expect(doctor.locator(".room-tile:not(.room-self)")).to_have_count(0)
    assert await scene.kinds("Amy Shaw") == ["connected", "disconnected"]


async def test_the_end_is_said_to_everyone(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    await scene.end()
    for page in (doctor, amy):
        await page.get_by_role("heading", name="visit has ended").wait_for(timeout=15_000)
        assert await page.evaluate("window.eye ? eye.live().length : 0") == 0


async def test_a_cut_socket_comes_back_and_the_conversation_never_stopped(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    await amy.evaluate("eye.sockets.at(-1).close()")
    await expect(amy.locator(".room-banner")).to_have_text("You are connected again.")
    assert await amy.evaluate("[eye.sockets.length, eye.pcs.length]") == [2, 1]
    await goes_on(amy)
    await goes_on(doctor)
    assert await doctor.evaluate("eye.pcs.length") == 1
    assert await scene.kinds("Amy Shaw") == ["connected"]


async def test_another_network_finds_a_new_way_by_ice_restart(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    ufrag = "eye.pcs[0].localDescription.sdp.match(/ice-ufrag:(.+)/)[1]"
    before = [await page.evaluate(ufrag) for page in (doctor, amy)]
    await amy.evaluate("window.dispatchEvent(new Event('online'))")
    for page, old in zip((doctor, amy), before, strict=True):
        await holds(page, f"{ufrag} !== '{old}' && eye.pcs[0].connectionState === 'connected'")
    await goes_on(amy)
    await goes_on(doctor)
    assert await amy.evaluate("eye.pcs.length") == 1


async def test_a_reloaded_page_meets_everyone_anew(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    await amy.reload()
    await plays(amy, 1)
    await plays(doctor, 1)
    assert await names(doctor) == ["Amy Shaw"]
    assert await scene.kinds("Amy Shaw") == ["connected"]


async def test_mute_and_camera_off_are_seen_by_the_other_and_stop_what_is_sent(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    await amy.get_by_role("button", name="Mute").click()
    await amy.get_by_role("button", name="Camera off").click()
    tile = doctor.locator(".room-tile:not(.room-self)")
    await expect(tile.get_by_text("Microphone off")).to_be_attached()
    await expect(tile.locator(".room-badge")).to_be_visible()
    await expect(tile.locator("video")).to_be_hidden()
    assert await amy.evaluate("eye.pcs[0].getSenders().filter(s => s.track).every(s => !s.track.enabled)")
    await amy.get_by_role("button", name="Unmute").click()
    await amy.get_by_role("button", name="Camera on").click()
    await expect(tile.locator("video")).to_be_visible()
    await expect(tile.locator(".room-badge")).to_be_hidden()


async def test_a_shared_screen_takes_the_place_of_the_camera_and_gives_it_back(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    await doctor.get_by_role("button", name="Share").click()
    tile = amy.locator(".room-tile:not(.room-self)")
    await expect(tile).to_have_class("room-tile room-screen")
    await goes_on(amy)
    await doctor.get_by_role("button", name="Stop sharing").click()
    await expect(tile).to_have_class("room-tile")
    await goes_on(amy)
    assert await amy.evaluate("eye.pcs.length") == 1


async def test_chat_is_text_whatever_it_looks_like_and_passes_the_server_by(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    await holds(amy, "eye.channels.some((one) => one.readyState === 'open')")
    await doctor.evaluate("eye.frames = []; eye.sockets.at(-1).addEventListener('message', (m) => eye.frames.push(m.data))")
    await amy.get_by_role("button", name="Chat").click()
    await expect(amy.get_by_text("Chat is not kept. Copy what belongs in the record.")).to_be_visible()
    evil = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    await amy.get_by_label("Message").fill(evil)
    await amy.keyboard.press("Enter")
    await expect(amy.locator(".room-talk")).to_contain_text(evil)
    await expect(doctor.get_by_role("button", name="Chat (1)")).to_be_visible()
    await doctor.get_by_role("button", name="Chat (1)").click()
    await expect(doctor.locator(".room-talk")).to_contain_text(evil)
    assert await doctor.locator(".room-talk script, .room-talk img").count() == 0
    assert await doctor.title() == "Video visit"
    assert not [frame for frame in await doctor.evaluate("eye.frames") if "owned" in frame]
    assert await violations(doctor) == []
    nothing_went_wrong(doctor, amy)


async def test_the_camera_can_be_changed_without_a_new_connection(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    await doctor.get_by_role("button", name="Devices").click()
    await expect(doctor.get_by_role("dialog")).to_be_visible()
    assert await violations(doctor) == []
    before = await doctor.evaluate("eye.pcs[0].getSenders().find(s => s.track?.kind === 'video').track.id")
    await doctor.get_by_role("dialog").locator("select").first.dispatch_event("change")
    await holds(doctor, f"![undefined, '{before}'].includes(eye.pcs[0].getSenders().find(s => s.track?.kind === 'video')?.track.id)")
    await goes_on(amy)


async def test_everything_on_the_stage_can_be_reached_by_keyboard_and_pressed_with_a_thumb(crowd: Crowd, scene: Scene) -> None:
    amy = await crowd.enter(scene.people["Amy Shaw"], phone=True)
    await amy.get_by_role("toolbar").wait_for()
    sizes = await amy.eval_on_selector_all(
        ".room-bar button", "(all) => all.map((b) => [b.getAttribute('aria-label') || b.textContent, b.offsetWidth, b.offsetHeight])"
    )
    assert len(sizes) >= 5
    assert [row for row in sizes if row[1] < 48 or row[2] < 48] == []
    reached = []
    for _ in range(len(sizes) + 2):
        await amy.keyboard.press("Tab")
        reached.append(await amy.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"))
    assert {row[0] for row in sizes} <= set(reached)


async def test_leave_is_said_to_the_visit_and_lets_go_of_the_devices(crowd: Crowd, scene: Scene) -> None:
    doctor, amy = await both(crowd, scene)
    await amy.get_by_role("button", name="Leave").click()
    await holds(doctor, "eye.live().length === 0", seconds=5)
    assert await scene.kinds("Amy Shaw") == ["connected", "disconnected"]
    assert await decoded(amy) == []


# Theirs is there before the browser has asked us for ours. We are the polite one, for "b" comes after "a".
CROSSED = """async () => {
  const { Peer } = await import(performance.getEntriesByType('resource').map((one) => one.name).find((one) => one.includes('/peer.js')));
  const peer = (me, other, signal) => new Peer({
    me, peer: other, ice: {}, tracks: { audio: null, video: null }, on: { signal, state() {}, tracks() {}, message() {} },
  });
  let heard, b = null;
  const first = new Promise((done) => { heard = done; });
  const a = peer('a', 'b', (message) => { if (b) b.receive(message); else if (message.description) heard(message); });
  a.start();
  const offer = await first;
  await new Promise((done) => {
    b = peer('b', 'a', (message) => a.receive(message).then(() => { if (message.description?.type === 'answer') done(); }));
    b.start();
    b.receive(offer);
  });
  const lines = [a, b].map((one) => [one.pc.signalingState, one.pc.getTransceivers().length]);
  a.close();
  b.close();
  return lines;
}"""


async def test_an_offer_that_comes_just_before_ours_makes_no_second_line(crowd: Crowd, scene: Scene) -> None:
    amy = await crowd.enter(scene.people["Amy Shaw"])
    await amy.get_by_role("toolbar").wait_for()
    assert await amy.evaluate(CROSSED) == [["stable", 2], ["stable", 2]]


async def test_who_comes_while_another_is_away_meets_them_without_a_second_line(crowd: Crowd, scene: Scene) -> None:
    """Both begin at once: one offers because they came, the other because they came back."""
    amy = await crowd.enter(scene.people["Amy Shaw"])
    await amy.get_by_text("Nobody else is here yet").first.wait_for()
    await amy.evaluate("eye.fetch = window.fetch; window.fetch = () => new Promise((_, fail) => { eye.fail = fail }); true")
    await amy.evaluate("eye.sockets.at(-1).close()")
    doctor = await crowd.enter(scene.people["Dr. Okafor"])
    await holds(doctor, "eye.pcs.length === 1 && eye.pcs[0].signalingState === 'have-local-offer'")
    await holds(amy, "Boolean(eye.fail)")
    await amy.evaluate("window.fetch = eye.fetch; eye.fail(new TypeError('no network'))")
    for page in (doctor, amy):
        await plays(page, 1)
        assert await page.evaluate("eye.live().map((pc) => pc.getTransceivers().length)") == [2]
    made = [await page.evaluate("eye.pcs.length") for page in (doctor, amy)]
    assert sorted(made) == [1, 2]  # the polite one began again, as the answerer
    assert await scene.kinds("Amy Shaw") == ["connected"]
