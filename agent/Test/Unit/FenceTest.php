<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Watcher\WatcherInterface;
use PHPUnit\Framework\TestCase;

class FenceTest extends TestCase
{
    private const EVENT = 'adminhtml_cache_flush_all';

    public function testTheShopGoesOnWhateverAWatcherThrows(): void
    {
        $shop = $this->shop();
        $shop->dispatch(self::EVENT);

        self::assertCount(1, $shop->log->lines);
        self::assertStringContainsString('TypeError', $shop->log->lines[0]);
    }

    public function testTheShopGoesOnWithoutALog(): void
    {
        $shop = $this->shop();
        $shop->log->isFull = true;
        $shop->dispatch(self::EVENT);

        self::assertSame([], $shop->log->lines);
    }

    public function testTheShopGoesOnWithoutTheTable(): void
    {
        $shop = (new Shop())->switchOn();
        $shop->database->failure = new \RuntimeException('no such table');
        $shop->watchers[self::EVENT] = new class ($shop) implements WatcherInterface {
            private $shop;

            public function __construct(Shop $shop)
            {
                $this->shop = $shop;
            }

            public function on(string $event, DataObject $data): void
            {
                $this->shop->buffer->add($this->shop->captures->make($event, 1, null));
            }
        };
        $shop->dispatch(self::EVENT);

        self::assertStringContainsString('no such table', $shop->log->lines[0]);
    }

    private function shop(): Shop
    {
        $shop = (new Shop())->switchOn();
        $shop->watchers[self::EVENT] = new class implements WatcherInterface {
            public function on(string $event, DataObject $data): void
            {
                throw new \TypeError('a PHP error is no exception');
            }
        };

        return $shop;
    }
}
