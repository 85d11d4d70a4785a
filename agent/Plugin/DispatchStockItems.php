<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\App\ResourceConnection;
use Magento\Framework\DataObject;
use Magento\Framework\Event\ManagerInterface;
use MagentoEventBridge\Agent\Declared\Declarations;
use MagentoEventBridge\Agent\Fence;

/**
 * Dispatches an event for each stock item that a sale deducted, without multi-source inventory.
 *
 * Magento corrects the quantities in the table, without loading or saving a stock item.
 */
class DispatchStockItems
{
    private const SAVED = 'eventbridge_stock_item_save_after';
    private const COLUMNS = ['item_id', 'product_id', 'website_id', 'qty', 'is_in_stock'];

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var Declarations
     */
    private $declarations;

    /**
     * @var ResourceConnection
     */
    private $resource;

    /**
     * @var ManagerInterface
     */
    private $events;

    /**
     * @param Fence $fence
     * @param Declarations $declarations
     * @param ResourceConnection $resource
     * @param ManagerInterface $events
     */
    public function __construct(
        Fence $fence,
        Declarations $declarations,
        ResourceConnection $resource,
        ManagerInterface $events
    ) {
        $this->fence = $fence;
        $this->declarations = $declarations;
        $this->resource = $resource;
        $this->events = $events;
    }

    /**
     * Dispatches the events after quantities were corrected, if the shop declares one that comes from them.
     *
     * @param object $counter
     * @param mixed $result
     * @param array $items quantities by product ID
     * @return mixed
     */
    public function afterCorrectItemsQty($counter, $result, array $items)
    {
        $this->fence->run(self::SAVED, function () use ($items): void {
            if ($items && $this->declarations->ofMagentoEvent(self::SAVED)) {
                foreach ($this->rows(array_keys($items)) as $row) {
                    $this->events->dispatch(self::SAVED, ['item' => new DataObject(['id' => $row['item_id']] + $row)]);
                }
            }
        });

        return $result;
    }

    /**
     * Reads the stock items of products as they are now.
     *
     * @param int[] $productIds
     * @return array[]
     */
    private function rows(array $productIds): array
    {
        $connection = $this->resource->getConnection();
        $select = $connection->select()
            ->from($this->resource->getTableName('cataloginventory_stock_item'), self::COLUMNS)
            ->where('product_id IN (?)', $productIds);

        return $connection->fetchAll($select);
    }
}
