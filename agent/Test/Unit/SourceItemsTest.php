<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\DataObject;
use Magento\Framework\Event\ManagerInterface;
use Magento\InventoryApi\Api\SourceItemsDeleteInterface;
use MagentoEventBridge\Agent\Plugin\DispatchSourceItems;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use PHPUnit\Framework\TestCase;

class SourceItemsTest extends TestCase
{
    /**
     * @var ManagerInterface
     */
    private $events;

    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = new Shop();
        $this->events = new class implements ManagerInterface {
            /**
             * @var array
             */
            public $dispatched = [];

            public function dispatch($eventName, array $data = [])
            {
                $this->dispatched[] = [$eventName, $data['source_item']->getData()];
                if ($data['source_item']->getData('sku') === 'broken') {
                    throw new \RuntimeException('an observer fails');
                }
            }
        };
    }

    public function testEachSavedSourceItemHasAnEvent(): void
    {
        $result = $this->plugin()->afterExecute(new DataObject(), null, [$this->item('A', 5), $this->item('B', 0)]);

        self::assertNull($result);
        self::assertSame(
            [
                ['eventbridge_source_item_save_after', $this->shown('A', 5)],
                ['eventbridge_source_item_save_after', $this->shown('B', 0)],
            ],
            $this->events->dispatched
        );
    }

    public function testDeductionsHaveTheRemainingQuantity(): void
    {
        $items = [['source_item' => $this->item('A', 3), 'qty_to_decrement' => 2], ['source_item' => null], []];
        $this->plugin()->afterExecute(new DataObject(), null, $items);

        self::assertSame(
            [['eventbridge_source_item_save_after', $this->shown('A', 3)]],
            $this->events->dispatched
        );
    }

    public function testDeletedSourceItemsHaveAnEventOfTheirOwn(): void
    {
        $command = new class implements SourceItemsDeleteInterface {
        };
        $this->plugin()->afterExecute($command, null, [$this->item('A', 3)]);

        self::assertSame('eventbridge_source_item_delete_after', $this->events->dispatched[0][0]);
    }

    public function testAnObserverThatFailsDoesNotFailTheSave(): void
    {
        $items = [$this->item('broken', 1), $this->item('B', 1)];
        self::assertSame('saved', $this->plugin()->afterExecute(new DataObject(), 'saved', $items));

        self::assertCount(2, $this->events->dispatched);
        self::assertStringContainsString('an observer fails', implode($this->shop->log->lines));
    }

    private function plugin(): DispatchSourceItems
    {
        return new DispatchSourceItems($this->shop->fence, $this->events);
    }

    private function item(string $sku, int $quantity): DataObject
    {
        return new DataObject(['source_code' => 'eu', 'sku' => $sku, 'quantity' => $quantity, 'status' => 1]);
    }

    private function shown(string $sku, int $quantity): array
    {
        return $this->item($sku, $quantity)->getData() + ['id' => 'eu/' . $sku];
    }
}
