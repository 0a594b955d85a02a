"""Customers of a securities house and its lending subsidiary: names, groups, accounts, devices, habits."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.simulate.clock import DAY_MS, midnight
from risk_stream.simulate.emit import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BROKERS", "CHANNELS", "LENDING", "People"]

#: The group's legal entities: the parent, its securities houses and its lending company.
BROKERS = np.array(["SEC-SH", "SEC-SZ", "HQ"], object)
LENDING = "LEND-SZ"
CHANNELS = np.array(["app", "branch", "partner"], object)
CHANNEL_SHARES = (0.74, 0.12, 0.14)

_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华建国文玲波辉鑫斌宇浩凯秀峰雪晨"
_CITIES = ("上海", "深圳", "杭州", "苏州", "宁波", "广州", "南京", "成都", "武汉", "厦门")
_FIRMS = ("华腾", "恒信", "瑞丰", "中科", "东方", "永泰", "新远", "嘉禾", "博雅", "金石")
_BUSINESS = ("贸易", "电子", "机械", "纺织", "物流", "食品", "建材", "医药", "科技", "餐饮")
_SEGMENTS = ("retail", "affluent", "private", "sme")

#: The area code of a simulated identity number: one that no place in China has, so that no real person is named.
_AREA = "999999"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def _id_number(birth: dt.date, serial: int) -> str:
    """An 18-character identity number with a right check digit."""
    body = f"{_AREA}{birth:%Y%m%d}{serial % 1000:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


class People:
    """`count` customers as columns; a customer, account or device is an index into them.

    Attributes:
        customer, account, device: Ids, object arrays.
        investor: Who decides over each customer's accounts: he himself, or the one of several under common control.
        owner: Customer of each account. main: first account of each customer. margin: his margin account, -1 none.
        phone: The device each customer uses now (changes when he buys a new one).
        activity: Share of the house's orders each customer gives. size: usual order, yuan.
        income: Monthly, yuan.
    """

    def __init__(self, rng: np.random.Generator, count: int, start: dt.date) -> None:
        self.count = count
        self.customer = np.array([f"C{i + 1:06d}" for i in range(count)], object)
        self.investor = self.customer.copy()
        self.segment = rng.choice(len(_SEGMENTS), count, p=(0.72, 0.16, 0.03, 0.09))
        self.broker = rng.choice(len(BROKERS), count, p=(0.55, 0.3, 0.15))
        self.risk_level = rng.choice(np.arange(1, 6), count, p=(0.12, 0.25, 0.33, 0.22, 0.08))
        age = rng.gamma(9.0, 4.6, count).clip(19, 84)
        self.birth = [start - dt.timedelta(days=int(years * 365.25)) for years in age.tolist()]
        self.id_number = [_id_number(birth, i) for i, birth in enumerate(self.birth)]
        self.name = self._names(rng)
        self.mobile = [f"1{number}" for number in rng.integers(30_0000_0000, 99_9999_9999, count).tolist()]
        firm = self.segment == _SEGMENTS.index("sme")
        self.group = np.where(firm & (rng.random(count) < 0.4), rng.integers(1, max(2, count // 60), count), 0)
        self.firms = np.flatnonzero(firm)

        self.income = np.round(np.exp(rng.normal(np.log(13_000), 0.45, count)) * np.where(firm, 9, 1), -2)
        trades = rng.random(count) < 0.72
        weight = rng.pareto(1.6, count).clip(0, 40) * trades + 1e-9
        self.activity = np.cumsum(weight / weight.sum())
        big = rng.random(count) < 0.008
        self.size = np.exp(rng.normal(np.log(14_000), 0.7, count)) * np.where(big, 25, 1)
        self.favourites = rng.random((count, 4))  # quantiles of instrument popularity
        self._accounts(rng, start)
        self._devices(rng)

    def _names(self, rng: np.random.Generator) -> list[str]:
        parts = rng.integers(0, 10_000, (self.count, 4)).tolist()
        names = []
        for segment, (a, b, c, d) in zip(self.segment.tolist(), parts, strict=True):
            if segment == _SEGMENTS.index("sme"):
                names.append(f"{_CITIES[a % 10]}{_FIRMS[b % 10]}{_BUSINESS[c % 10]}有限公司")
            else:
                second = _GIVEN[c % len(_GIVEN)] if d % 4 else ""
                names.append(_FAMILY[a % len(_FAMILY)] + _GIVEN[b % len(_GIVEN)] + second)
        return names

    def _accounts(self, rng: np.random.Generator, start: dt.date) -> None:
        has_margin = rng.random(self.count) < 0.18
        self.main = np.arange(self.count)
        self.margin = np.full(self.count, -1)
        self.margin[has_margin] = self.count + np.arange(int(has_margin.sum()))
        self.owner = np.concatenate([np.arange(self.count), np.flatnonzero(has_margin)])
        self.account = np.array([f"A{i + 1:06d}" for i in range(len(self.owner))], object)
        self.opened = midnight(start) - (rng.exponential(900, len(self.owner)) + 3).astype(np.int64) * DAY_MS

    def _devices(self, rng: np.random.Generator) -> None:
        self.phone = np.arange(self.count)
        shared = np.flatnonzero(rng.random(self.count) < 0.02)  # families on one tablet
        self.phone[shared] = np.maximum(0, shared - 1)
        self.device = [f"D{i + 1:06d}" for i in range(self.count)]

    def new_device(self) -> int:
        """A device nobody has used before."""
        self.device.append(f"D{len(self.device) + 1:06d}")
        return len(self.device) - 1

    def device_names(self) -> NDArray[np.object_]:
        """Ids of all devices so far."""
        return np.array(self.device, object)

    def entity(self, customer: int) -> str:
        """The legal entity that keeps a customer's accounts."""
        return str(BROKERS[self.broker[customer]])

    def reference(self, time: int) -> list[Row]:
        """The reference events of all customers and accounts."""
        rows = []
        for i in range(self.count):
            fields = {
                "entity": self.entity(i),
                "customer": self.customer[i],
                "name": self.name[i],
                "id_number": self.id_number[i],
                "phone": self.mobile[i],
                "segment": _SEGMENTS[self.segment[i]],
                "risk_level": int(self.risk_level[i]),
                "birth_date": midnight(self.birth[i]),
                "country": "CN",
            }
            if self.group[i]:
                fields["group"] = f"G{self.group[i]:04d}"
            rows.append(Row(time, "customer", fields))
        for i, (owner, opened) in enumerate(zip(self.owner.tolist(), self.opened.tolist(), strict=True)):
            fields = {
                "entity": self.entity(owner),
                "account": self.account[i],
                "customer": self.customer[owner],
                "account_kind": "cash" if i < self.count else "margin",
                "opened": opened,
                "currency": "CNY",
            }
            rows.append(Row(time + 1, "account", fields))
        return rows
