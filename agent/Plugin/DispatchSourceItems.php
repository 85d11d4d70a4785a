<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\DataObject;
use Magento\Framework\Event\ManagerInterface;
use MagentoEventBridge\Agent\Fence;

/**
 * Dispatches an event for each source item that is saved or deleted: multi-source inventory has none.
 *
 * The names of its classes stay text, because a shop may have removed multi-source inventory.
 */
class DispatchSourceItems
{
    private const SAVED = 'eventbridge_source_item_save_after';
    private const DELETED = 'eventbridge_source_item_delete_after';
    private const DELETES = 'Magento\InventoryApi\Api\SourceItemsDeleteInterface';

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var ManagerInterface
     */
    private $events;

    /**
     * @param Fence $fence
     * @param ManagerInterface $events
     */
    public function __construct(Fence $fence, ManagerInterface $events)
    {
        $this->fence = $fence;
        $this->events = $events;
    }

    /**
     * Dispatches the events after source items were saved, deleted or deducted for a shipment.
     *
     * @param object $command
     * @param mixed $result
     * @param array $items source items, or arrays with one each
     * @return mixed
     */
    public function afterExecute($command, $result, array $items)
    {
        $name = is_a($command, self::DELETES) ? self::DELETED : self::SAVED;
        foreach ($items as $item) {
            $this->fence->run($name, function () use ($name, $item): void {
                $this->dispatch($name, is_array($item) ? $item['source_item'] ?? null : $item);
            });
        }

        return $result;
    }

    /**
     * Dispatches one event; events of a SKU in one source keep their order by the ID.
     *
     * @param string $name
     * @param mixed $item
     */
    private function dispatch(string $name, $item): void
    {
        if (!is_object($item)) {
            return;
        }
        $values = [
            'source_code' => $item->getSourceCode(),
            'sku' => $item->getSku(),
            'quantity' => $item->getQuantity(),
            'status' => $item->getStatus(),
        ];
        $values['id'] = $values['source_code'] . '/' . $values['sku'];
        $this->events->dispatch($name, ['source_item' => new DataObject($values)]);
    }
}
