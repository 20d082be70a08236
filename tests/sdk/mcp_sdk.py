"""The official MCP SDK as the client of `steersman mcp`, over a tool server whose log is the truth."""

import asyncio
import os
import tempfile
from pathlib import Path

from check import run, test
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import ElicitResult

STEERSMAN = os.environ["STEERSMAN"]
CONFIG = """
[tool_servers.shop]
command = "{steersman}"
args = ["sim", "--tools", "{log}"]
prefix = "shop_"
[tools.shop_find_order]
effect = "read"
attested = ["order"]
[tools.shop_send_mail]
effect = "irreversible"
sink = ["to"]
content = ["text"]
"""
MAIL = {"to": "ann@home.example", "text": "Your order is on its way."}


class Shop:
    """A folder with a configuration, the log of the tool server, and what a session in it did."""

    def __init__(self, answer=None, request=None):
        self.folder = Path(tempfile.mkdtemp())
        self.log = self.folder / "log"
        (self.folder / "steersman.toml").write_text(CONFIG.format(steersman=STEERSMAN, log=self.log))
        self.answer, self.request, self.questions = answer, request, []

    def sent(self):
        return self.log.read_text().count("send_mail") if self.log.exists() else 0

    def session(self, steps):
        args = ["mcp", "--config", str(self.folder / "steersman.toml"), "--data", str(self.folder / "data")]
        args += ["--request", self.request] if self.request else []

        async def asked(_context, params):
            self.questions.append(params.message)
            return self.answer

        async def play():
            async with stdio_client(StdioServerParameters(command=STEERSMAN, args=args)) as (read, write):
                callback = {"elicitation_callback": asked} if self.answer else {}
                async with ClientSession(read, write, **callback) as session:
                    await session.initialize()
                    return await steps(session)

        return asyncio.run(play())


async def read_then_send(session):
    await session.call_tool("shop_find_order", {"order": 7})
    return await session.call_tool("shop_send_mail", MAIL)


def is_error(result):
    return getattr(result, "is_error", None) or getattr(result, "isError", False)


@test
def tools_are_listed_under_the_prefix_of_their_server():
    async def steps(session):
        return [tool.name for tool in (await session.list_tools()).tools]

    names = Shop().session(steps)
    assert "shop_find_order" in names and "shop_send_mail" in names, names


@test
def after_untrusted_input_an_effect_is_refused_where_nobody_can_be_asked():
    shop = Shop()
    result = shop.session(read_then_send)
    assert is_error(result) and "refused by the guard" in result.content[0].text, result
    assert shop.sent() == 0


@test
def a_person_is_shown_the_true_arguments_and_a_yes_makes_the_call_once():
    shop = Shop(answer=ElicitResult(action="accept", content={"approve": True}))
    result = shop.session(read_then_send)
    assert not is_error(result), result
    assert shop.sent() == 1
    assert len(shop.questions) == 1 and "ann@home.example" in shop.questions[0], shop.questions


@test
def whatever_is_no_plain_yes_is_a_no():
    for answer in (ElicitResult(action="decline"), ElicitResult(action="accept", content={"approve": False})):
        shop = Shop(answer=answer)
        assert is_error(shop.session(read_then_send))
        assert shop.sent() == 0


@test
def what_the_users_words_cover_needs_no_question_and_another_recipient_does():
    words = "Look up order 7, then send a mail to ann@home.example that it is on its way."
    shop = Shop(request=words)
    assert not is_error(shop.session(read_then_send))
    assert shop.sent() == 1

    async def to_another(session):
        await session.call_tool("shop_find_order", {"order": 7})
        return await session.call_tool("shop_send_mail", {**MAIL, "to": "mallory@evil.example"})

    shop = Shop(request=words)
    assert is_error(shop.session(to_another))
    assert shop.sent() == 0


run()
